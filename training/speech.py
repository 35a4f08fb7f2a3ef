"""The teacher speech on disk, as utterances, and batches of them."""
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import corpus
import features
import workdir
from teachers import ALL_SPEAKERS, SPEAKERS

VALIDATION = 40             # utterances of each speaker, from its first shard, that nothing trains on


@lru_cache(maxsize=None)
def array(file: Path):
    return np.load(file, mmap_mode="r")


@dataclass(frozen=True)
class Utterance:
    speaker: str
    shard: str              # path without suffix
    text: str
    spoken: str
    frame: int
    frames: int

    @property
    def language(self) -> str:
        return self.speaker[:2]

    @property
    def speaker_index(self) -> int:
        return ALL_SPEAKERS.index(self.speaker)

    def view(self, name: str, per_frame: float):
        start = round(self.frame * per_frame)
        return array(Path(f"{self.shard}.{name}.npy"))[start:start + round(self.frames * per_frame)]

    def audio(self, frame: int = 0, frames: int | None = None) -> np.ndarray:
        start = (self.frame + frame) * features.HOP
        length = (self.frames if frames is None else frames) * features.HOP
        return array(Path(f"{self.shard}.audio.npy"))[start:start + length].astype(np.float32) / 32768

    def mel(self):
        return self.view("mel", 1).astype(np.float32)

    def whisper(self):
        return self.view("whisper", 2).astype(np.float32)

    def f0(self):
        return self.view("f0", 1)

    def tokens(self):
        return self.view("tokens", 0.5).astype(np.int64)

    def alignment(self):
        """For every speech token the index of the character of `text` it belongs to, or -1."""
        return self.view("align", 0.5).astype(np.int64)


def load(languages=("en", "ru"), needs: str | None = None) -> tuple[list[Utterance], list[Utterance]]:
    """(training, validation) utterances of all shards that are complete (and have the array `needs`)."""
    training, validation = [], []
    for language in languages:
        barred = {corpus.simplified(s) for s in workdir.held_out(language)}
        for speaker in SPEAKERS[language]:
            for i, index in enumerate(sorted(workdir.path("speech", speaker, "x").parent.glob("*.json"))):
                if needs and not index.with_suffix(f".{needs}.npy").exists():
                    continue
                shard = str(index.with_suffix(""))
                items = [Utterance(speaker, shard, r["text"], r["spoken"], r["frame"], r["frames"])
                         for r in workdir.load_json(index)]
                if i == 0:
                    validation += items[:VALIDATION]
                    items = items[VALIDATION:]
                training += [u for u in items if corpus.simplified(u.text) not in barred]
    return training, validation


def batches(utterances: list, frames: int, rng: random.Random, length=lambda u: u.frames, prepare=lambda u: u):
    """Endless batches of similar lengths, at most `frames` padded frames each; balanced over speakers.

    `prepare` makes of an utterance what the batch holds and `length` measures.
    """
    by_speaker = {}
    for u in utterances:
        by_speaker.setdefault(u.speaker, []).append(u)
    most = max(len(v) for v in by_speaker.values())
    while True:
        pool = []
        for items in by_speaker.values():
            rng.shuffle(items)
            # a speaker with little speech is repeated at most twice
            pool += (items * 2)[:min(most, 2 * len(items))]
        rng.shuffle(pool)
        for i in range(0, len(pool), 2000):
            ordered = sorted((prepare(u) for u in pool[i:i + 2000]), key=length)
            groups, group = [], []
            for u in ordered:
                if group and length(u) * (len(group) + 1) > frames:
                    groups.append(group)
                    group = []
                group.append(u)
            groups.append(group)
            rng.shuffle(groups)
            yield from groups


def padded(arrays: list[np.ndarray], value: float = 0) -> np.ndarray:
    longest = max(len(a) for a in arrays)
    out = np.full((len(arrays), longest, *arrays[0].shape[1:]), value, arrays[0].dtype)
    for row, a in zip(out, arrays):
        row[:len(a)] = a
    return out
