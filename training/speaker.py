"""Speaker encoder: a Kaldi filterbank to the speaker vector of the flow, in the place of CosyVoice3's CAM++.

    python speaker.py make          the teachers played at many rates, as filterbanks
    python speaker.py train
    python speaker.py judge         held-out sentences, also of rates that nothing was trained on

The flow knows one vector a speaker. Each teacher's two speakers differ in the rate at which they are played, so pitch and
timbre move together; the rates between them get the vectors between theirs. A recording of somebody else becomes
the mixture that sounds most alike.
"""
import argparse
import random
import sys
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import resample_poly
from torch import nn

import corpus
import features
import trainer
import workdir
from flow import SPEAKER
from teachers import ALL_SPEAKERS, MANNERS, SPEAKERS, Manner, engine_of
from train_flow import speaker_vectors

BINS = 80
WIDTH = 96
SENTENCES = 1600                    # a language
HELD_OUT = 120                      # the last of them
AT_ONCE = 20                        # sentences in a row played alike
BEYOND = 0.2                        # how far past the two speakers of a teacher rates and vectors go
UNTRAINED = ((0.3, 0.4), (0.65, 0.75))          # ranges of the way that training never sees
SHORTEST, LONGEST = 100, 600        # filterbank frames, 10 ms each
FILES = {language: workdir.path("speaker", f"{language}.npz") for language in SPEAKERS}


class Pooling(nn.Module):
    """Mean and deviation over time."""
    def forward(self, x):
        return torch.cat([x.mean(2), (x.var(2, unbiased=False) + 1e-5).sqrt()], 1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = nn.Conv1d(WIDTH, WIDTH, 5, padding=2)
        self.out = nn.Conv1d(WIDTH, WIDTH, 1)

    def forward(self, x):
        return x + self.out(F.gelu(self.wide(x)))


class Encoder(nn.Module):
    """[B, T, 80] less the mean over time -> [B, 192]; the flow uses the direction alone."""
    def __init__(self):
        super().__init__()
        self.enter = nn.Conv1d(BINS, WIDTH, 5, 2, 2)
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.pool = Pooling()
        self.leave = nn.Sequential(nn.Linear(2 * WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, SPEAKER))

    def forward(self, bank):
        x = F.gelu(self.enter(bank.transpose(1, 2) / 4))
        for block in self.blocks:
            x = block(x)
        return self.leave(self.pool(x))


def manner_between(language: str, way: float) -> Manner:
    """The manner `way` of the way from the first speaker of a language to the second."""
    first, second = (MANNERS[s] for s in SPEAKERS[language])
    speed = float(first.speed) ** (1 - way) * float(second.speed) ** way
    return Manner(Fraction(speed).limit_denominator(50), first.pitch + way * (second.pitch - first.pitch))


def vector_between(language: str, way: float) -> torch.Tensor:
    known = F.normalize(speaker_vectors())
    first, second = (known[ALL_SPEAKERS.index(s)] for s in SPEAKERS[language])
    return F.normalize(first + way * (second - first), dim=0)


def make(argv):
    parser = argparse.ArgumentParser(description="filterbanks of the teachers at many rates")
    parser.add_argument("language", nargs="*", default=list(SPEAKERS))
    for language in parser.parse_args(argv).language:
        rng, engine = random.Random(80), engine_of(language)
        banks, ways = [], []
        entries = corpus.load(language)[-SENTENCES:]
        for start in range(0, len(entries), AT_ONCE):
            # as often exactly a speaker as something between
            way = rng.choice([0.0, 1.0, rng.uniform(-BEYOND, 1 + BEYOND), rng.uniform(-BEYOND, 1 + BEYOND)])
            texts = [entry["spoken"] for entry in entries[start:start + AT_ONCE]]
            for spoken in engine.say(texts, manner_between(language, way), rng.randrange(1 << 30)):
                if spoken is None or len(spoken[0]) < features.RATE:
                    continue
                audio = spoken[0] * 0.075 / np.sqrt((spoken[0] ** 2).mean())
                banks.append(features.filterbank(resample_poly(audio, 2, 3))[:2 * LONGEST].astype(np.float16))
                ways.append(way)
            print(f"{language}: {start + len(texts)} of {len(entries)}", flush=True)
        arrays = {"banks": np.concatenate(banks), "lengths": np.array([len(b) for b in banks]), "ways": np.array(ways)}
        workdir.write_atomically(FILES[language], lambda p: np.savez(p.open("wb"), **arrays))


def load() -> list[tuple[str, float, np.ndarray]]:
    """(language, way, filterbank) of every sentence, in the order of their making."""
    sentences = []
    for language, file in FILES.items():
        stored = np.load(file)
        ends = np.cumsum(stored["lengths"])
        banks = np.split(stored["banks"], ends[:-1])
        sentences += [(language, float(w), b.astype(np.float32)) for w, b in zip(stored["ways"], banks)]
    return sentences


def is_untrained(way: float) -> bool:
    return any(low < way < high for low, high in UNTRAINED)


def sets():
    by_language = {language: [s for s in load() if s[0] == language] for language in SPEAKERS}
    training = [s for v in by_language.values() for s in v[:-HELD_OUT] if not is_untrained(s[1])]
    return training, [s for v in by_language.values() for s in v[-HELD_OUT:]]


def examples(rng):
    training, _ = sets()
    while True:
        chosen = rng.sample(training, 32)
        frames = min([rng.randrange(SHORTEST, LONGEST)] + [len(b) for _, _, b in chosen])
        banks = []
        for _, _, bank in chosen:
            start = rng.randrange(len(bank) - frames + 1)
            part = bank[start:start + frames] + rng.uniform(-0.1, 0.1)
            banks.append(part - part.mean(0))
        vectors = [vector_between(language, min(max(way, -BEYOND), 1 + BEYOND)) for language, way, _ in chosen]
        yield {"banks": torch.from_numpy(np.stack(banks)), "vectors": torch.stack(vectors)}


def train(argv):
    args = trainer.arguments("speaker encoder", steps=4000, lr=2e-3).parse_args(argv)
    encoder = Encoder()
    run = trainer.Trainer("speaker", encoder, args)
    source = run.batches(examples)
    while run.running():
        batch = next(source)
        loss = 1 - F.cosine_similarity(encoder(batch["banks"]), batch["vectors"]).mean()
        run.step(loss)


def load_encoder() -> Encoder:
    encoder = Encoder()
    encoder.load_state_dict(trainer.averaged("speaker"))
    return encoder.eval()


@torch.no_grad()
def judge(argv):
    encoder = load_encoder()
    _, held_out = sets()
    for name, kept in (("trained rates", lambda w: not is_untrained(w)), ("untrained rates", is_untrained)):
        for language in SPEAKERS:
            chosen = [(w, b) for l, w, b in held_out + (load() if kept is is_untrained else []) if l == language and kept(w)]
            found = []
            for way, bank in chosen:
                vector = F.normalize(encoder(torch.from_numpy(bank - bank.mean(0))[None]), dim=1)[0]
                grid = torch.arange(-BEYOND, 1 + BEYOND + 1e-6, 0.02)
                likeness = torch.stack([vector_between(language, float(g)) for g in grid]) @ vector
                others = [float(vector @ vector_between(o, g)) for o in SPEAKERS if o != language for g in (0.0, 1.0)]
                found.append((abs(float(grid[likeness.argmax()]) - way), float(likeness.max()), max(others)))
            away, likeness, other = np.array(found).mean(0)
            print(f"{language}, {name}: {len(found)} sentences, {away:.2f} of the way off, likeness {likeness:.3f}, "
                  f"to the nearest of the other language {other:.3f}")


if __name__ == "__main__":
    random.seed(0)
    {"make": make, "train": train, "judge": judge}[sys.argv[1]](sys.argv[2:])
