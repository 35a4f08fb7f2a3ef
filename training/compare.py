"""Compares the speech of one model directory with that of others: the same texts, voices and seeds, text by text.

    python compare.py REFERENCE MODEL... [--voices en_male ru_male] [--lists medium long] [--seeds 0 1 2]

For what quantisation costs: directories that `cosyvoice3 model convert` made of one checkpoint. The language model draws its
tokens, so one seed's number is luck in part: for each model the table has its mean over the seeds and each seed's
number, and for its difference from the reference the standard error, by drawing texts anew (all seeds of a text together).
Where a text has the same length with both models for the same seed, the tokens are taken to be the same, and the log mel
spectrograms of the speech are compared: values within 50 dB of the loudest, in dB.

English: word error rate; Russian: retrieval among the teacher's renderings and minimal pairs; both: DNSMOS and lengths
against the teacher's. Speech and scores are kept in the work directory (evaluation/compare), by the model directory's name:
run again to resume, or to see the table. Needs the plugin as `evaluate.py` does.
"""
import argparse
from pathlib import Path

import numpy as np
import torch

import features
import judge
import workdir
from ceilings import teacher_speech
from measures import LENGTH_TOLERANCE, cepstra, distortion, retrieval
from plugin import Plugin, Spoken

NEPERS_TO_DB = 20 / np.log(10)
AUDIBLE = 50 / NEPERS_TO_DB                     # below an utterance's loudest mel value
DRAWS = 2000                                    # of texts, for a standard error


def chosen(language: str, lists: list[str]) -> list[int]:
    """Places of the texts of these lists among all held-out ones."""
    places, first = [], 0
    for kind in ("words", "medium", "long", "pairs"):
        count = len(workdir.read_sentences(f"{language}_{kind}")) * (2 if kind == "pairs" else 1)
        places += range(first, first + count) if kind in lists else []
        first += count
    return places


class Reading:
    """One model's speech of the lists with one seed, and its scores."""

    def __init__(self, model: Path, name: str, voice: str, seed: int, lists: list[str], properties: list[str]):
        folder = workdir.path("evaluation", "compare", name, str(seed), "-".join(lists), "x").parent
        self.plugin = Plugin(model, folder, [f"seed={seed}", "prefix-cache=off", *properties])
        self.voice, self.places = voice, chosen(voice[:2], lists)
        self.texts = [workdir.held_out(voice[:2])[i] for i in self.places]
        self.scores_file = folder / f"{voice}.json"
        self.raw, self.log, self.done = (folder / f"{voice}.{s}" for s in ("f32", "log", "spoken"))

    def speech(self) -> list[np.ndarray]:
        if not self.done.exists():
            self.plugin.speak(self.voice, self.texts)
            self.done.touch()
        spoken: list[Spoken] = self.plugin.sorted_out(self.texts, np.fromfile(self.raw, np.float32),
                                                      self.log.read_bytes())[0]
        return [s.audio for s in spoken]

    def scores(self, recogniser) -> dict:
        """Of each text: wrong words and words, DNSMOS, and samples; of the list: retrieved, pairs."""
        if self.scores_file.exists():
            return workdir.load_json(self.scores_file)
        audios = self.speech()
        result = {"samples": [len(a) for a in audios], "dnsmos": [judge.dnsmos(a)["ovrl"] for a in audios[:45]]}
        if self.voice.startswith("en"):
            heard = [recogniser.transcribe(a) for a in audios]
            result["heard"] = heard
            result["words"] = [len(judge.words(t)) for t in self.texts]
            result["wrong"] = [judge.edit_distance(judge.words(t), judge.words(h)) for t, h in zip(self.texts, heard)]
        else:
            result |= self.likeness(audios)
        workdir.save_json(self.scores_file, result)
        return result

    def likeness(self, audios: list[np.ndarray]) -> dict:
        every = [cepstra(a) for a in teacher_speech(self.voice)]
        first_pair = chosen(self.voice[:2], ["words", "medium", "long"])[-1] + 1
        ours, theirs = [cepstra(a) for a in audios], [every[i] for i in self.places]
        single = [i for i, place in enumerate(self.places) if place < first_pair]
        others = theirs[:len(single)] + [e for i, e in enumerate(every) if i < first_pair and i not in self.places]
        pairs = []
        for a in range(len(single), len(ours), 2):
            own = distortion(ours[a], theirs[a]) + distortion(ours[a + 1], theirs[a + 1])
            pairs.append(bool(own < distortion(ours[a], theirs[a + 1]) + distortion(ours[a + 1], theirs[a])))
        return {"retrieved": [int(retrieval(ours, others, len(single))), len(single)], "pairs": pairs,
                "mcd": [float(distortion(a, b)) for a, b in zip(ours, theirs)]}


def mel_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """RMS in dB of what two renderings of the same tokens differ by, in the values that can be heard."""
    a, b = (features.mel(torch.from_numpy(x)).numpy() for x in (ours, theirs))
    heard = b > b.max() - AUDIBLE
    return float(np.sqrt(((a - b)[heard] ** 2).mean()) * NEPERS_TO_DB)


def spread(values) -> str:
    return f"{np.mean(values):.2f} ({', '.join(f'{v:.2f}' for v in values)})"


def standard_error(statistic, texts: int) -> float:
    rng = np.random.default_rng(0)
    return float(np.std([statistic(rng.integers(texts, size=texts)) for _ in range(DRAWS)]))


def difference(ours: np.ndarray, theirs: np.ndarray, weights: np.ndarray) -> str:
    """Of weighted means; [seeds, texts] each."""
    def of(places):
        return (ours - theirs)[:, places].sum() / weights[:, places].sum()
    return f"{of(np.arange(ours.shape[1])):+.2f} ± {standard_error(of, ours.shape[1]):.2f}"


def table(voice: str, names: list[str], readings: dict, scores: dict):
    seeds = len(readings[names[0]])
    column = {name: [s for s in scores[name]] for name in names}
    base = column[names[0]]
    teacher = [len(teacher_speech(voice)[i]) for i in readings[names[0]][0].places]
    print(f"\n{voice}, {len(teacher)} texts, {seeds} seeds\n")
    print("| | measure | mean (each seed) | against the first | mel, dB: median, 95 %, largest (same tokens) |\n|---|---|---|---|---|")
    for name in names:
        ours = column[name]
        mels = ""
        if name != names[0]:
            apart = []
            for mine, reference in zip(readings[name], readings[names[0]]):
                apart += [mel_difference(a, b) for a, b in zip(mine.speech(), reference.speech()) if len(a) == len(b)]
            if len(apart) > seeds * len(teacher) / 2:
                mels = f"{np.median(apart):.2f}, {np.quantile(apart, 0.95):.2f}, {max(apart):.2f} ({len(apart)})"
        rows = []
        if "wrong" in ours[0]:
            wrong, words = (np.array([s[k] for s in ours], float) for k in ("wrong", "words"))
            other = np.array([s["wrong"] for s in base], float)
            rows.append(("word error rate, %", 100 * wrong.sum(1) / words.sum(1), difference(100 * wrong, 100 * other, words)))
        mos, other = (np.array([s["dnsmos"] for s in scores_of]) for scores_of in (ours, base))
        rows.append(("DNSMOS overall", mos.mean(1), difference(mos, other, np.ones_like(mos))))
        if "retrieved" in ours[0]:
            rows.append((f"retrieved, of {ours[0]['retrieved'][1]}", [s["retrieved"][0] for s in ours], ""))
            if ours[0]["pairs"]:
                rows.append((f"minimal pairs, of {len(ours[0]['pairs'])}", [sum(s["pairs"]) for s in ours], ""))
            mcd, other = (np.array([s["mcd"] for s in scores_of]) for scores_of in (ours, base))
            rows.append(("mel-cepstral distortion, dB", mcd.mean(1), difference(mcd, other, np.ones_like(mcd))))
        off = [(np.abs(np.array(s["samples"]) / teacher - 1) > LENGTH_TOLERANCE).sum() for s in ours]
        rows.append((f"length off by over 25 %, of {len(teacher)}", off, ""))
        for label, values, apart in rows:
            print(f"| {name} | {label} | {spread(values)} | {apart if name != names[0] else ''} | {mels} |")
            mels = ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--voices", nargs="+", default=["en_male", "ru_male"])
    parser.add_argument("--lists", nargs="+", default=["medium", "long"], choices=["words", "medium", "long", "pairs"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--property", action="append", default=[], metavar="NAME=VALUE",
                        help="of cosyvoice3src, for all models but the first: compares a setting when one model is named twice")
    parser.add_argument("--threads", type=int, default=0, help="of each stage; 1 on a machine that others use")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recogniser = judge.Recogniser() if any(v.startswith("en") for v in args.voices) else None
    for voice in args.voices:
        readings, names = {}, []
        for i, model in enumerate(args.models):
            own = args.property if i else []
            names.append(" ".join([model.resolve().name, *own]))
            readings[names[-1]] = [Reading(model.resolve(), names[-1].replace(" ", "_"), voice, seed, args.lists,
                                           [f"threads={args.threads}", *own]) for seed in args.seeds]
        scores = {name: [None] * len(args.seeds) for name in names}
        for i, seed in enumerate(args.seeds):
            for name in names:
                scores[name][i] = readings[name][i].scores(recogniser)
                print(f"{voice}, seed {seed}, {name}: done", flush=True)
        table(voice, names, readings, scores)


if __name__ == "__main__":
    main()
