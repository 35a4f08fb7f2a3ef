"""Speech tokens: a 25 Hz code of 8 ternary digits (FSQ, ids 0..6560) learned from teacher speech.

    python tokens.py train          learns the code
    python tokens.py encode         writes tokens and the alignment text <-> tokens for every shard
    python tokens.py judge          resynthesis from codes alone (Griffin-Lim), judged by the recogniser

The encoder reads what speech_tokenizer_v3.onnx reads (128-bin whisper mel, 100 Hz), so it can be exported in
its place. The decoder exists for training only; it gets the speaker as an input, so codes need not hold the voice. A
CTC head must spell the text from the codes: that makes them phonetic, and aligns text with tokens.
"""
import argparse
import itertools
import random
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import features
import speech
import trainer
import workdir
from teachers import ALL_SPEAKERS

DIGITS = 8
ALPHABET = " abcdefghijklmnopqrstuvwxyz'абвгдежзийклмнопрстуфхцчшщъыьэюяё"      # class 0 is the CTC blank
CLASS = {c: i + 1 for i, c in enumerate(ALPHABET)}
CTC_WEIGHT = 0.25
FRAMES_A_STEP, LONGEST = 2600, 500
LOAD_EVERY = 300                                # batches; new shards may have come


class Residual(nn.Module):
    def __init__(self, width: int, kernel: int = 5):
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.wide = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.out = nn.Conv1d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x):
        return x + self.out(F.gelu(self.wide(self.norm(x))))


class Encoder(nn.Module):
    def __init__(self, width: int = 224):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(128, width, 5, 2, 2), nn.GELU(), nn.Conv1d(width, width, 4, 2, 1),
                                 Residual(width), Residual(width), Residual(width), Residual(width),
                                 nn.Conv1d(width, DIGITS, 1))

    def forward(self, whisper):                         # [B, 4 N, 128] -> digits in -1, 0, 1: [B, N, 8]
        z = torch.tanh(self.net((whisper - 0.2).transpose(1, 2)).float()).transpose(1, 2)
        return z + (torch.round(z) - z).detach()


class Codec(nn.Module):
    def __init__(self, width: int = 224):
        super().__init__()
        self.encoder = Encoder(width)
        self.speaker = nn.Embedding(len(ALL_SPEAKERS), width)
        self.enter = nn.Conv1d(DIGITS, width, 5, padding=2)
        self.body = nn.Sequential(Residual(width), Residual(width), Residual(width), Residual(width))
        self.to_mel = nn.Conv1d(width, 2 * features.MEL_BINS, 3, padding=1)
        self.spell = nn.Sequential(nn.Conv1d(DIGITS, width, 5, padding=2), Residual(width), Residual(width),
                                   nn.Conv1d(width, 2 * (len(ALPHABET) + 1), 1))
        nn.init.constant_(self.to_mel.bias, -5)

    def decode(self, digits, speaker):                  # [B, N, 8] -> mel [B, 2 N, 80]
        x = self.enter(digits.transpose(1, 2)) + self.speaker(speaker)[:, :, None]
        y = self.to_mel(self.body(x)).float().transpose(1, 2)
        return y.reshape(len(y), -1, features.MEL_BINS)

    def spelling(self, digits):                         # log probabilities at 50 Hz [B, 2 N, classes]
        y = self.spell(digits.transpose(1, 2)).float().transpose(1, 2)
        return y.reshape(len(y), -1, len(ALPHABET) + 1).log_softmax(-1)


def ids(digits: torch.Tensor) -> torch.Tensor:
    powers = 3 ** torch.arange(DIGITS, device=digits.device)
    return ((digits.round().long() + 1) * powers).sum(-1)


def digits_of(ids: torch.Tensor) -> torch.Tensor:
    powers = 3 ** torch.arange(DIGITS, device=ids.device)
    return (ids[..., None] // powers % 3 - 1).float()


def spelled(text: str) -> tuple[list[int], list[int]]:
    """Classes of a text for CTC, and for each the index of its character."""
    classes, places = [], []
    for i, c in enumerate(text.lower().replace("’", "'")):
        k = CLASS.get(c, CLASS[" "])
        if k == CLASS[" "] and (not classes or classes[-1] == k):
            continue
        classes.append(k)
        places.append(i)
    if classes and classes[-1] == CLASS[" "]:
        classes.pop(), places.pop()
    return classes, places


def examples(frames_a_step, rng):
    while True:
        utterances = [u for u in speech.load()[0] if u.frames < LONGEST]
        for batch in itertools.islice(speech.batches(utterances, frames_a_step, rng), LOAD_EVERY):
            targets = [spelled(u.spoken)[0] for u in batch]
            yield {"whisper": torch.from_numpy(speech.padded([u.whisper() for u in batch], -0.5)),
                   "mel": torch.from_numpy(speech.padded([u.mel() for u in batch])),
                   "frames": torch.tensor([u.frames for u in batch]),
                   "speaker": torch.tensor([u.speaker_index for u in batch]),
                   "letters": torch.tensor(sum(targets, [])), "lettered": torch.tensor([len(t) for t in targets])}


def train(argv):
    args = trainer.arguments("speech tokens", steps=6000, lr=1.3e-3).parse_args(argv)
    codec = Codec()
    run = trainer.Trainer("tokens", codec, args)
    source = run.batches(lambda rng: examples(FRAMES_A_STEP * args.scale, rng))
    while run.running():
        batch = next(source)
        mel, lengths = batch["mel"], batch["frames"]
        mask = (torch.arange(mel.shape[1], device=args.device) < lengths[:, None]).float()
        with run.autocast():
            digits = codec.encoder(batch["whisper"])
            heard = codec.decode(digits, batch["speaker"])
            letters = codec.spelling(digits)
        l1 = ((heard - mel).abs().mean(-1) * mask).sum() / mask.sum()
        ctc = F.ctc_loss(letters.transpose(0, 1), batch["letters"], lengths, batch["lettered"], zero_infinity=True)
        run.step(l1 + CTC_WEIGHT * ctc, l1=l1, ctc=ctc)


def load_codec() -> Codec:
    codec = Codec()
    codec.load_state_dict(trainer.averaged("tokens"))
    return codec.eval()


def align(log_probs: np.ndarray, classes: list[int]) -> np.ndarray:
    """Viterbi through the CTC lattice: for each frame the index of the class it belongs to."""
    states = np.zeros(2 * len(classes) + 1, int)
    states[1::2] = classes
    frames, n = len(log_probs), len(states)
    if frames < len(classes):
        return np.full(frames, -1)
    may_skip = np.zeros(n, bool)
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    score = np.full(n, -np.inf)
    score[:2] = log_probs[0, states[:2]]
    back = np.zeros((frames, n), int)
    for t in range(1, frames):
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.where(may_skip, np.concatenate([[-np.inf, -np.inf], score[:-2]]), -np.inf)
        choices = np.stack([score, one, two])
        back[t] = choices.argmax(0)
        score = choices.max(0) + log_probs[t, states]
    s = n - 1 if score[-1] > score[-2] else n - 2
    if not np.isfinite(score[s]):
        return np.full(frames, -1)
    path = np.zeros(frames, int)
    for t in range(frames - 1, -1, -1):
        path[t] = s
        s -= back[t, s]
    return np.minimum(path // 2, len(classes) - 1)


@torch.no_grad()
def encode_shard(index: Path):
    torch.set_num_threads(1)
    codec, codes, alignments = load_codec(), [], []
    for row in workdir.load_json(index):
        u = speech.Utterance(index.parent.name, str(index.with_suffix("")), row["text"], row["spoken"],
                             row["frame"], row["frames"])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            digits = codec.encoder(torch.from_numpy(u.whisper())[None])
            letters = codec.spelling(digits)[0]
        codes.append(ids(digits)[0].numpy().astype(np.int16))
        classes, places = spelled(u.spoken)
        path = align(letters.numpy(), classes)[::2] if u.text == u.spoken else np.full(u.frames // 2, -1)
        alignments.append(np.where(path < 0, -1, np.array(places)[path]).astype(np.int16))
    file = index.with_suffix(".tokens.npy")
    workdir.write_atomically(file, lambda p: np.save(p.open("wb"), np.concatenate(codes)))
    file = index.with_suffix(".align.npy")
    workdir.write_atomically(file, lambda p: np.save(p.open("wb"), np.concatenate(alignments)))
    return f"{index.parent.name} {index.stem}: {sum(map(len, codes))} tokens"


def encode(argv):
    parser = argparse.ArgumentParser(description="speech tokens of every shard that has none")
    parser.add_argument("--jobs", type=int, default=1)
    jobs = parser.parse_args(argv).jobs
    shards = [f for s in ALL_SPEAKERS for f in workdir.path("speech", s, "x").parent.glob("*.json")
              if not f.with_suffix(".align.npy").exists()]
    with Pool(jobs) as pool:
        # all speakers advance together
        for line in pool.imap_unordered(encode_shard, sorted(shards, key=lambda f: f.name)):
            print(line, flush=True)


def griffin_lim(mel: torch.Tensor, rounds: int = 32) -> np.ndarray:
    """Mel [T, 80] -> samples, to judge a mel before there is a vocoder."""
    inverse = torch.linalg.pinv(features.MEL_FILTERS)
    magnitude = torch.clamp(inverse @ mel.T.exp(), min=1e-5)
    window, n_fft, hop = features.MEL_WINDOW, 1920, features.HOP
    torch.manual_seed(0)
    phase = torch.exp(2j * torch.pi * torch.rand(magnitude.shape))
    for _ in range(rounds):
        audio = torch.istft(magnitude * phase, n_fft, hop, n_fft, window)
        again = torch.stft(audio, n_fft, hop, n_fft, window, return_complex=True)
        phase = again / torch.clamp(again.abs(), min=1e-8)
        magnitude = magnitude[:, :phase.shape[1]]
    audio = torch.istft(magnitude * phase, n_fft, hop, n_fft, window).numpy()
    return audio / max(1, np.abs(audio).max())


@torch.no_grad()
def judge_codes(argv):
    import judge
    torch.set_num_threads(1)
    codec = load_codec()
    _, validation = speech.load()
    recogniser = judge.Recogniser()
    for speaker in ALL_SPEAKERS:
        chosen = [u for u in validation if u.speaker == speaker and len(u.text.split()) > 3][:16]
        if not chosen:
            continue
        originals, resyntheses, l1, used = [], [], [], set()
        for u in chosen:
            digits = codec.encoder(torch.from_numpy(u.whisper())[None])
            mel = codec.decode(digits, torch.tensor([u.speaker_index]))[0]
            l1.append((mel - torch.from_numpy(u.mel())).abs().mean().item())
            originals.append(u.audio())
            resyntheses.append(griffin_lim(mel))
        texts = [u.text for u in chosen] if speaker.startswith("en") else None
        print(f"{speaker}: mel L1 {np.mean(l1):.3f}\n  teacher {judge.judge(originals, texts, recogniser)}\n"
              f"  codes   {judge.judge(resyntheses, texts, recogniser)}", flush=True)


if __name__ == "__main__":
    random.seed(0)
    {"train": train, "encode": encode, "judge": judge_codes}[sys.argv[1]](sys.argv[2:])
