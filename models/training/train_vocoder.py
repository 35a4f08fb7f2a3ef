"""Training of the vocoder and its F0 predictor, and its judgement.

    python train_vocoder.py f0              the F0 predictor alone, on log pitch and voicing
    python train_vocoder.py audio           the vocoder, spectral losses; F0 of the teacher drives the source
    python train_vocoder.py judge           copy synthesis of held-out sentences
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F

import features
import speech
import trainer
import workdir
from hift import HARMONICS, HOP, LOOK_RIGHT, HiFT
from teachers import ALL_SPEAKERS

SEGMENT, CONTEXT = 32, 12                       # frames heard by the loss, frames before them
RESOLUTIONS = ((2048, 240), (1024, 120), (512, 60), (256, 32), (128, 16))
SILENCE = float(np.log(1e-5))


def with_f0(utterances):
    """Some shards were stored without F0 (their values are not numbers)."""
    good = {}
    for u in utterances:
        if u.shard not in good:
            good[u.shard] = not np.isnan(u.f0()[0])
    return [u for u in utterances if good[u.shard]]


def segment(u, rng, frames, look):
    """A random stretch: (mel [frames + look, 80], f0 [frames], audio), silence beyond the ends."""
    start = rng.randrange(-min(8, frames), max(1, u.frames - frames + 8))
    mel, f0 = u.mel(), u.f0()
    low, high = max(0, start), min(u.frames, start + frames + look)
    m = np.full((frames + look, 80), SILENCE, np.float32)
    m[low - start:high - start] = mel[low:high]
    high = min(high, start + frames)
    p, a = np.zeros(frames, np.float32), np.zeros(frames * HOP, np.float32)
    p[low - start:high - start] = f0[low:high]
    a[(low - start) * HOP:(high - start) * HOP] = u.audio(low, high - low)
    return m, p, a


def stack(items, device):
    return [torch.from_numpy(np.stack(x)).to(device) for x in zip(*items)]


def train_f0(argv):
    args = trainer.arguments("F0 predictor", steps=3000, lr=1e-3).parse_args(argv)
    predictor = HiFT().f0_predictor
    run = trainer.Trainer("f0", predictor, args)
    source = None
    while run.running():
        if source is None or run.steps % 500 == 0:
            utterances = with_f0(speech.load()[0])
        mel, f0, _ = stack([segment(run.rng.choice(utterances), run.rng, 96, 3) for _ in range(16)], args.device)
        # the module pads 3 frames on the right itself; its last 3 outputs belong to the look-ahead and are dropped.
        # Hz / 100 while training: the last layer would have to grow to 1e2 otherwise
        with run.autocast():
            out = predictor(mel.transpose(1, 2))[:, :96].float()
        voiced = f0 > 40
        pitch = (torch.log(out.clamp(min=0.05)) - torch.log(f0.clamp(min=40) / 100)).abs()
        unvoiced = F.relu(out - 0.03)
        loss = (pitch * voiced).mean() * 4 + (unvoiced * ~voiced).mean() + (F.relu(0.3 - out) * voiced).mean() * 4
        hz = ((out * 100 - f0).abs() * voiced).sum() / voiced.sum()
        wrong = ((out > 0.1) != voiced).float().mean()
        run.step(loss, hz=hz, voicing_errors=wrong)


def spectral_loss(made, real):
    total = 0.0
    for n_fft, hop in RESOLUTIONS:
        window = torch.hann_window(n_fft, device=made.device)
        a, b = (torch.stft(x, n_fft, hop, n_fft, window, return_complex=True).abs() for x in (made, real))
        total = total + (torch.log(a + 1e-4) - torch.log(b + 1e-4)).abs().mean()
        total = total + torch.linalg.norm(b - a) / torch.linalg.norm(b).clamp(min=1e-3)
    return total / len(RESOLUTIONS)


def train_audio(argv):
    parser = trainer.arguments("vocoder", steps=25_000, lr=7e-4)
    parser.add_argument("--batch", type=int, default=8)
    args = parser.parse_args(argv)
    model = HiFT()
    for p in model.f0_predictor.parameters():
        p.requires_grad_(False)
    run = trainer.Trainer("vocoder", model, args, betas=(0.8, 0.99), weight_decay=0)
    utterances, frames = None, SEGMENT + CONTEXT
    while run.running():
        if utterances is None or run.steps % 1000 == 0:
            by_speaker = {}
            for u in with_f0(speech.load()[0]):
                by_speaker.setdefault(u.speaker, []).append(u)
            utterances = list(by_speaker.values())
        chosen = [run.rng.choice(run.rng.choice(utterances)) for _ in range(args.batch)]
        mel, f0, audio = stack([segment(u, run.rng, frames, LOOK_RIGHT) for u in chosen], args.device)
        noise = torch.rand(args.batch, frames * HOP, HARMONICS, device=args.device)
        source = model.source(f0, noise, start=torch.rand(args.batch, 1, dtype=torch.float64, device=args.device))
        with run.autocast():
            made = model.decode(mel.transpose(1, 2), source)[:, CONTEXT * HOP:]
        real = audio[:, CONTEXT * HOP:]
        spectral = spectral_loss(made, real)
        mel_loss = (features.mel(made) - features.mel(real)).abs().mean()
        run.step(spectral + 0.5 * mel_loss, clip=10, spectral=spectral, mel=mel_loss)


def load_vocoder() -> HiFT:
    model = HiFT()
    model.load_state_dict(trainer.averaged("vocoder"))
    if workdir.path("checkpoints", "f0.pt").exists():
        predictor = trainer.averaged("f0")
        for key in ("classifier.weight", "classifier.bias"):
            predictor[key] = predictor[key] * 100
        model.f0_predictor.load_state_dict(predictor)
    return model.eval()


@torch.no_grad()
def judge_vocoder(argv):
    import judge
    torch.set_num_threads(1)
    model = load_vocoder()
    validation = speech.load()[1]
    recogniser = judge.Recogniser()
    for speaker in ALL_SPEAKERS:
        chosen = [u for u in validation if u.speaker == speaker and len(u.text.split()) > 3][:12]
        originals = [u.audio() for u in chosen]
        copies = [model(torch.from_numpy(u.mel()).T[None])[0].numpy() for u in chosen]
        texts = [u.text for u in chosen] if speaker.startswith("en") else None
        print(f"{speaker}\n  teacher {judge.judge(originals, texts, recogniser)}\n"
              f"  copy    {judge.judge(copies, texts, recogniser)}", flush=True)


if __name__ == "__main__":
    {"f0": train_f0, "audio": train_audio, "judge": judge_vocoder}[sys.argv[1]](sys.argv[2:])
