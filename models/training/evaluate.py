"""How well does a model directory speak? Everything is spoken by the plugin, through gst-launch-1.0.

    python evaluate.py MODEL_DIR [--out REPORT_DIR] [--flow-plan windows]

For every voice: word error rate of a recogniser (English), mel-cepstral distortion, retrieval and minimal pairs against
the teacher's renderings, DNSMOS, natural stops, length, clicks, voice identity. The same numbers for the teacher itself
(the ceiling) and, where the work directory has the checkpoints, for resynthesis from true tokens (which leaves out the
language model). Prints a table, writes it as REPORT_DIR/report.json, with a page of spectrograms in spectrograms.png.

Needs the plugin on GST_PLUGIN_PATH and ONNX Runtime where the plugin finds it (`eval "$(pipelines/env.sh)"`).
"""
import argparse
import json
import resource
import subprocess
import time
from functools import lru_cache
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
from scipy.fft import dct

import features
import judge
import teachers
import workdir

LISTS = ("words", "medium", "long")
TOKENS_PER_ID = 20                              # the length limit of the runtime
SAME_LENGTH = 0.10                              # candidates this near in length are rivals
CEPSTRA = slice(1, 14)


def sentences(language: str) -> list[str]:
    """The lists, then both sides of the minimal pairs."""
    return workdir.held_out(language)


# Who speaks: each gives audio for a list of texts

class Plugin:
    def __init__(self, model: Path, out: Path, properties: list[str]):
        self.model, self.out, self.properties = model, out, properties
        self.seconds = self.spoken = 0.0

    def speak(self, voice: str, texts: list[str]) -> list[np.ndarray]:
        folder = self.out / voice
        folder.mkdir(parents=True, exist_ok=True)
        audios = []
        for i, text in enumerate(texts):
            file = folder / f"{i:03d}.wav"
            file.with_suffix(".txt").write_text(text)
            if not file.exists():
                began = time.time()
                subprocess.run(["gst-launch-1.0", "--quiet", "--no-position", "cosyvoice3src",
                                f"model-path={self.model}", f"voice={voice}", "seed=0", f"text={text}",
                                *self.properties, "!", "wavenc", "!", "filesink", f"location={file}.part"], check=True)
                Path(f"{file}.part").rename(file)
                self.seconds += time.time() - began
                self.spoken += soundfile.info(file).duration
            audios.append(soundfile.read(file, dtype="float32")[0])
            print(f"\r{voice} {i + 1}/{len(texts)}", end="", flush=True)
        print()
        return audios


@lru_cache(maxsize=None)
def teacher_speech(voice: str) -> list[np.ndarray]:
    """The teacher's rendering of every sentence, kept in the work directory."""
    language = voice[:2]
    file = workdir.path("evaluation", f"{voice}.npz")
    texts = sentences(language)
    if file.exists():
        kept = np.load(file)
        if list(kept["texts"]) == texts:
            return [kept[str(i)].astype(np.float32) / 32768 for i in range(len(texts))]
    engine = teachers.English() if language == "en" else teachers.Russian()
    entries = [{"text": t, "spoken": t} for t in texts]
    made = {e["text"]: samples for e, samples, *_ in
            teachers.synthesize(engine, language, voice, entries, seed=1, with_f0=False)}
    silent = [t for t in texts if t not in made]
    if silent:
        raise SystemExit(f"the teacher cannot say: {silent}")
    workdir.write_atomically(file, lambda p: np.savez(p.open("wb"), texts=np.array(texts),
                                                      **{str(i): made[t] for i, t in enumerate(texts)}))
    return [made[t].astype(np.float32) / 32768 for t in texts]


@torch.no_grad()
def resynthesis(voice: str, audios: list[np.ndarray]) -> list[np.ndarray]:
    """Teacher speech through true tokens, flow and vocoder: all but the language model."""
    import tokens as codec
    from synthesis import Pipeline
    pipeline, encoder = Pipeline(), codec.load_codec().encoder
    out = []
    for audio in audios:
        ids = codec.ids(encoder(features.whisper_mel(audio)[None]))[0].tolist()
        out.append(pipeline.audio(pipeline.mel(ids, voice)))
    return out


# What is measured

def cepstra(audio: np.ndarray) -> np.ndarray:
    """Mel cepstra 1 to 13, their mean removed: what is said, without who says it."""
    logmel = features.mel(torch.from_numpy(audio)).numpy()
    loud = logmel.mean(1) > logmel.mean(1).max() - 7
    first, last = np.flatnonzero(loud)[[0, -1]]
    c = dct(np.maximum(logmel[first:last + 1], -8), norm="ortho", axis=1)[:, CEPSTRA]
    return c - c.mean(0)


def distortion(a: np.ndarray, b: np.ndarray) -> float:
    """Mel-cepstral distortion in dB after time alignment."""
    cost = np.linalg.norm(a[:, None] - b[None], axis=2)
    _, path = librosa.sequence.dtw(C=cost)
    # ortho DCT of 80 log-magnitude bands: sqrt(2 / 80) brings it to the usual scale
    return float(cost[path[:, 0], path[:, 1]].mean() * 10 / np.log(10) * np.sqrt(2) * np.sqrt(2 / features.MEL_BINS))


def retrieval(ours: list, theirs: list, count: int) -> tuple[int, int]:
    """How many of the first `count` utterances are nearest to their own teacher rendering, and the fewest rivals."""
    right, fewest = 0, 10 ** 6
    for i in range(count):
        near = [j for j in range(len(theirs)) if abs(len(theirs[j]) / len(theirs[i]) - 1) <= SAME_LENGTH]
        others = sorted(set(range(len(theirs))) - set(near), key=lambda j: abs(len(theirs[j]) - len(theirs[i])))
        candidates = near + others[:max(0, 20 - len(near))]
        fewest = min(fewest, len(near) - 1)
        right += min(candidates, key=lambda j: distortion(ours[i], theirs[j])) == i
    return right, fewest


def minimal_pairs(ours: list, theirs: list, first: int) -> tuple[int, int]:
    """Pairs whose two sentences, taken together, are nearer to their own renderings than to each other's."""
    right = 0
    indices = range(first, len(ours), 2)
    for a in indices:
        b = a + 1
        own = distortion(ours[a], theirs[a]) + distortion(ours[b], theirs[b])
        crossed = distortion(ours[a], theirs[b]) + distortion(ours[b], theirs[a])
        right += own < crossed
    return right, len(indices)


def timbre(audio: np.ndarray) -> np.ndarray:
    """Who speaks: the mean spectrum of the loud frames, and pitch."""
    logmel = features.mel(torch.from_numpy(audio)).numpy()
    loud = logmel[logmel.mean(1) > np.quantile(logmel.mean(1), 0.3)]
    pitch = features.f0(audio)
    pitch = np.median(pitch[pitch > 0]) if (pitch > 0).sum() > 3 else 100.0
    spectrum = loud.mean(0)
    return np.append(spectrum - spectrum.mean(), 8 * np.log(pitch))


def text_ids(tokenizer, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def measure(voice: str, texts: list[str], audios: list[np.ndarray], recogniser, tokenizer, centroids) -> dict:
    """All numbers of one speaker's renderings of `texts`."""
    teacher = teacher_speech(voice)
    listed = sum(len(workdir.read_sentences(f"{voice[:2]}_{kind}")) for kind in LISTS)
    short = len(workdir.read_sentences(f"{voice[:2]}_words"))
    ours, theirs = [cepstra(a) for a in audios], [cepstra(a) for a in teacher]
    result = {"sentences": len(texts)}
    if voice.startswith("en"):
        heard = [(t, recogniser.transcribe(a)) for t, a in zip(texts[short:listed], audios[short:listed])]
        result["wer"] = judge.word_error_rate(heard)
        result["heard"] = heard
    result["mcd"] = float(np.mean([distortion(a, b) for a, b in zip(ours[:listed], theirs[:listed])]))
    result["retrieved"], result["fewest_rivals"] = retrieval(ours, theirs, listed)
    result["pairs_right"], result["pairs"] = minimal_pairs(ours, theirs, listed)
    scores = [judge.dnsmos(a) for a in audios[short:listed:3]]
    result |= {k: float(np.mean([s[k] for s in scores])) for k in scores[0]}
    ratio = np.array([len(a) / len(b) for a, b in zip(audios, teacher)])
    result["length_median"] = float(np.median(ratio))
    result["length_off_25"] = int((np.abs(ratio - 1) > 0.25).sum())
    if tokenizer:
        limit = [TOKENS_PER_ID * text_ids(tokenizer, t) for t in texts]
        result["stopped"] = sum(len(a) // features.TOKEN < n for a, n in zip(audios, limit))
    result["jump"] = float(max(np.abs(np.diff(a)).max() / max(np.abs(a).max(), 1e-6) for a in audios))
    result["peak"] = float(max(np.abs(a).max() for a in audios))
    result["not_a_number"] = int(sum(np.isnan(a).sum() for a in audios))
    nearest = [min(centroids, key=lambda v: np.linalg.norm(timbre(a) - centroids[v])) for a in audios[short:listed]]
    result["own_voice"] = f"{sum(v == voice for v in nearest)}/{len(nearest)}"
    return result


def picture(file: Path, rows: list[tuple[str, np.ndarray, np.ndarray]]):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(rows), 2, figsize=(13, 1.9 * len(rows)), squeeze=False)
    for (title, ours, theirs), (left, right) in zip(rows, axes):
        for axis, audio, who in ((left, ours, "model"), (right, theirs, "teacher")):
            logmel = features.mel(torch.from_numpy(audio)).numpy().T
            axis.imshow(logmel, origin="lower", aspect="auto", vmin=-9, vmax=1, extent=(0, len(audio) / 24_000, 0, 80))
            axis.set_title(f"{who}: {title}"[:75], fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=100)


SHOWN = {"wer": "WER %", "mcd": "MCD dB", "mcd_other_voice": "MCD other voice", "retrieved": "retrieved",
         "pairs_right": "pairs right", "ovrl": "DNSMOS ovrl", "sig": "sig", "p808": "P808", "stopped": "stopped",
         "length_median": "length", "length_off_25": "off > 25 %", "jump": "jump / peak", "peak": "peak",
         "own_voice": "own voice"}


def table(report: dict):
    names = [(voice, who) for voice in report for who in report[voice]]
    print(f"{'':16}" + "".join(f"{f'{v} {w}':>24}" for v, w in names))
    for key, label in SHOWN.items():
        cells = [report[v][w].get(key, "") for v, w in names]
        print(f"{label:16}" + "".join(f"{c:>24.2f}" if isinstance(c, float) else f"{c!s:>24}" for c in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, default=workdir.root() / "evaluation" / "report")
    parser.add_argument("--voices", nargs="+", default=teachers.ALL_SPEAKERS)
    parser.add_argument("--flow-plan", default="auto")
    parser.add_argument("--ceilings", action="store_true", help="only the teacher and resynthesis; needs no plugin")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    plugin = Plugin(args.model.resolve(), args.out / args.flow_plan, [f"flow-plan={args.flow_plan}"])
    tokenizer = None
    if (args.model / "tokenizer.json").exists():
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    centroids = {v: np.mean([timbre(a) for a in teacher_speech(v)[15:60]], axis=0) for v in args.voices}
    recogniser = judge.Recogniser()
    report, pages = {}, []
    for voice in args.voices:
        texts, teacher = sentences(voice[:2]), teacher_speech(voice)
        report[voice] = {"teacher": measure(voice, texts, teacher, recogniser, None, centroids)}
        # the same engine with another voice: what is left when only the speaker differs
        for other in set(teachers.SPEAKERS[voice[:2]]) - {voice}:
            pairs = zip(teacher, teacher_speech(other))
            report[voice]["teacher"]["mcd_other_voice"] = float(np.mean(
                [distortion(cepstra(a), cepstra(b)) for a, b in pairs]))
        if all(workdir.path("checkpoints", f"{n}.pt").exists() for n in ("tokens", "flow", "vocoder", "lm")):
            again = resynthesis(voice, teacher)
            report[voice]["resynthesis"] = measure(voice, texts, again, recogniser, None, centroids)
        if not args.ceilings:
            spoken = plugin.speak(voice, texts)
            report[voice]["model"] = measure(voice, texts, spoken, recogniser, tokenizer, centroids)
            pages += [(f"{voice}: {texts[i]}", spoken[i], teacher[i]) for i in (0, 20, 45)]
        (args.out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1))
    table(report)
    if pages:
        picture(args.out / "spectrograms.png", pages)
    if plugin.spoken:
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{plugin.seconds / plugin.spoken:.2f} s per second of speech with a fresh process each, "
              f"peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
