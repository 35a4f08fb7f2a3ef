"""Are clones like those they were made from? Voices are made of recordings by `cosyvoice3 voice add`, and speak.

    python clones.py MODEL [--sentences 30] [--sources ru_male en_0.35]

A source is a voice of the model, which says the recording by `cosyvoice3 say`, or a teacher at a rate that nothing was trained
on: en_0.35 is 0.35 of the way from the first English speaker to the second (speaker.py). Each recording becomes a voice of
its own and says the sentences. A sentence counts if it is nearer to its source than to any other source of its
kind: a voice among the four voices, by other sentences of theirs; a rate among four rates a language (two of them the
trained speakers), by the teacher's recordings. Two measures: the cosine of the speaker vectors (campplus.onnx), and the distance of
spectrum and pitch (measures.timbre). Margins are those to the nearest other source: positive where the clone is right.

Needs what `evaluate.py` needs, and `cosyvoice3` on the path. The voices lie in the work directory
(clones/), not in yours, and so do recordings and speech: run again to resume, or delete them to begin anew.
"""
import argparse
import os
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import torch
from scipy.signal import resample_poly

import features
import teachers
import workdir
from measures import timbre
from plugin import Plugin
from speaker import manner_between
from teachers import ALL_SPEAKERS

RATES = tuple(f"{language}_{way}" for language in ("en", "ru") for way in (0.0, 0.35, 0.7, 1.0))
SOURCES = (*ALL_SPEAKERS, "en_0.35", "ru_0.7")
REFERENCES = 10                     # sentences by which a source is known; the clone says others
RECORDED = {"en": "We will meet you by the old bridge after lunch, and then we can walk home together along the river.",
            "ru": "После обеда мы встретимся у старого моста, а потом вместе пойдём домой вдоль реки."}


def teacher_at(source: str, texts: list[str]) -> list[np.ndarray]:
    """The teacher played at the rate of `source`, levelled; kept in the work directory."""
    language, way = source.split("_")
    file = workdir.path("clones", "teacher", f"{source}-{len(texts)}.npz")
    if not file.exists():
        spoken = teachers.engine_of(language).say(texts, manner_between(language, float(way)), 1)
        made = {str(i): teachers.trim(s[0])[0] for i, s in enumerate(spoken)}
        workdir.write_atomically(file, lambda p: np.savez(p.open("wb"), **made))
    kept = np.load(file)
    return [kept[str(i)] for i in range(len(texts))]


class Ears:
    """Two vectors of a rendering: who the encoder takes the speaker for, and how it sounds."""

    def __init__(self, model: Path):
        self.encoder = onnxruntime.InferenceSession(model / "campplus.onnx")

    def hear(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bank = features.filterbank(resample_poly(audio, 2, 3))
        vector = self.encoder.run(None, {"input": (bank - bank.mean(0))[None]})[0][0]
        return vector / np.linalg.norm(vector), timbre(audio)


class Judge:
    """Knows each source by renderings."""

    def __init__(self, ears: Ears, renderings: dict[str, list[np.ndarray]]):
        self.ears, self.names = ears, list(renderings)
        heard = [[ears.hear(a) for a in audios] for audios in renderings.values()]
        vectors = np.array([np.mean([v for v, _ in h], axis=0) for h in heard])
        self.vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.timbres = np.array([np.mean([t for _, t in h], axis=0) for h in heard])

    def margins(self, source: str, audio: np.ndarray) -> tuple[float, float, str]:
        """By how much the source is nearer than the nearest other, by vector and by timbre; and the other by vector."""
        vector, sound = self.ears.hear(audio)
        own = self.names.index(source)
        likeness = self.vectors @ vector
        away = np.linalg.norm(self.timbres - sound, axis=1)
        others = [i for i in range(len(self.names)) if i != own]
        rival = max(others, key=likeness.__getitem__)
        return float(likeness[own] - likeness[rival]), float(min(away[others]) - away[own]), self.names[rival]


def speak(plugin: Plugin, voice: str, texts: list[str]) -> list[np.ndarray]:
    """Speech of a voice, kept in the work directory."""
    lines, raw, log, done = (plugin.out / f"{voice}.{suffix}" for suffix in ("txt", "f32", "log", "done"))
    if not done.exists() or lines.read_text().splitlines() != texts:
        plugin.speak(voice, texts)
        done.touch()
    return [s.audio for s in plugin.sorted_out(texts, np.fromfile(raw, np.float32), log.read_bytes())[0]]


def recording(source: str, model: Path) -> Path:
    text, file = RECORDED[source[:2]], workdir.path("clones", f"{source}.wav")
    if file.exists():
        return file
    if source in ALL_SPEAKERS:
        subprocess.run(["cosyvoice3", "say", "--model", model, "--voice", source, text, "-o", file], check=True)
    else:
        soundfile.write(file, teacher_at(source, [text])[0], features.RATE)
    return file


def clone(source: str, model: Path) -> str:
    name = f"clone_{source.replace('.', '_')}"
    subprocess.run(["cosyvoice3", "voice", "add", name, recording(source, model), "--text", RECORDED[source[:2]], "--replace",
                    "--model", model], check=True)
    return name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sentences", type=int, default=30)
    parser.add_argument("--sources", nargs="+", default=SOURCES)
    parser.add_argument("--threads", type=int, default=0, help="of each stage; 1 on a machine that others use")
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["XDG_DATA_HOME"] = str(workdir.path("clones", "data"))
    model, ears, judges = args.model.resolve(), Ears(args.model), {}
    plugin = Plugin(model, workdir.path("clones", "speech"), ["prefix-cache=off", f"threads={args.threads}"])
    print("| clone of | nearest by vector | cosine to its source less to the nearest other: mean, least | by sound "
          "| distance: mean, least | nearest other |\n|---|---|---|---|---|---|", flush=True)
    for source in args.sources:
        kind = "voices" if source in ALL_SPEAKERS else "rates"
        if kind not in judges:
            names = ALL_SPEAKERS if kind == "voices" else RATES
            texts = {n: workdir.read_sentences(f"{n[:2]}_choice")[-REFERENCES:] for n in names}
            say = (lambda n: speak(plugin, n, texts[n])) if kind == "voices" else \
                (lambda n: teacher_at(n, texts[n]))
            judges[kind] = Judge(ears, {n: say(n) for n in names})
        sentences = workdir.read_sentences(f"{source[:2]}_medium")[:args.sentences]
        spoken = speak(plugin, clone(source, model), sentences)
        vectors, sounds, rivals = zip(*(judges[kind].margins(source, a) for a in spoken))
        print(f"| {source} | {sum(v > 0 for v in vectors)}/{len(spoken)} | {np.mean(vectors):.3f}, {min(vectors):.3f} "
              f"| {sum(s > 0 for s in sounds)}/{len(spoken)} | {np.mean(sounds):.2f}, {min(sounds):.2f} "
              f"| {max(set(rivals), key=rivals.count)} |", flush=True)


if __name__ == "__main__":
    main()
