"""Training of the vocoder and its F0 predictor, and its judgement.

    python train_vocoder.py f0              the F0 predictor alone, on log pitch and voicing
    python train_vocoder.py audio           the vocoder: spectral losses, then discriminators beside them. Its source is
                                            driven by the teacher's F0 and, half of the time, by the predictor's
    python train_vocoder.py judge           copy synthesis of held-out sentences
"""
import shutil
import sys

import numpy as np
import torch
import torch.nn.functional as F

import features
import speech
import trainer
from checkpoints import load_vocoder, renew_f0
from discriminators import Discriminators
from hift import HARMONICS, HOP, LOOK_RIGHT, HiFT
from teachers import ALL_SPEAKERS

SEGMENT, CONTEXT = 32, 12                       # frames heard by the loss, frames before them
RESOLUTIONS = ((2048, 240), (1024, 120), (512, 60), (256, 32), (128, 16))
SILENCE = float(np.log(1e-5))
LOAD_EVERY = 1000                               # batches; new shards may have come
# Renderings begin with nothing before them and end with zeros to look at: a share of the segments does so too
SHARE_BEGINNINGS, SHARE_ENDINGS, SHARE_PREDICTED = 0.15, 0.15, 0.5
ADVERSARIAL_WEIGHT, MATCHING_WEIGHT, ADVERSARIAL_WARM_UP = 0.08, 0.16, 400


def with_f0(utterances):
    """Some shards were stored without F0 (their values are not numbers)."""
    good = {}
    for u in utterances:
        if u.shard not in good:
            good[u.shard] = not np.isnan(u.f0()[0])
    return [u for u in utterances if good[u.shard]]


def segment(u, rng, frames, look):
    """A stretch: (mel [frames + look, 80], f0 [frames], audio, whether it begins a rendering).

    Beyond the ends of the utterance is silence, but what a vocoder looks at behind the end is zero."""
    kind = rng.random()
    if kind < SHARE_BEGINNINGS:
        start = rng.choice((-1, 0, 0, 0, 1))
    elif kind < SHARE_BEGINNINGS + SHARE_ENDINGS:
        start = u.frames - frames
    else:
        start = rng.randrange(-min(8, frames), max(1, u.frames - frames + 8))
    mel, f0 = u.mel(), u.f0()
    low, high = max(0, start), min(u.frames, start + frames + look)
    m = np.full((frames + look, 80), SILENCE, np.float32)
    m[low - start:high - start] = mel[low:high]
    if start == u.frames - frames:
        m[frames:] = 0
    high = min(high, start + frames)
    p, a = np.zeros(frames, np.float32), np.zeros(frames * HOP, np.float32)
    p[low - start:high - start] = f0[low:high]
    a[(low - start) * HOP:(high - start) * HOP] = u.audio(low, high - low)
    return m, p, a, kind < SHARE_BEGINNINGS


def segments(size, frames, look, rng):
    """Batches of segments without end, speakers evenly."""
    while True:
        by_speaker = {}
        for u in with_f0(speech.load()[0]):
            by_speaker.setdefault(u.speaker, []).append(u)
        utterances = list(by_speaker.values())
        for _ in range(LOAD_EVERY):
            chosen = (rng.choice(rng.choice(utterances)) for _ in range(size))
            columns = zip(*(segment(u, rng, frames, look) for u in chosen))
            yield dict(zip(("mel", "f0", "audio", "begins"), (torch.from_numpy(np.stack(c)) for c in columns)))


def train_f0(argv):
    args = trainer.arguments("F0 predictor", steps=3000, lr=1e-3).parse_args(argv)
    predictor = HiFT().f0_predictor
    run = trainer.Trainer("f0", predictor, args)
    source = run.batches(lambda rng: segments(int(16 * args.scale), 96, 3, rng))
    while run.running():
        batch = next(source)
        mel, f0 = batch["mel"], batch["f0"]
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
    parser.add_argument("--adversarial", type=float, default=0,
                        help="share of the plan, its end, with discriminators: for a GPU, a CPU takes minutes a step")
    args = parser.parse_args(argv)
    torch.backends.cudnn.benchmark = True
    model = HiFT()
    for p in model.f0_predictor.parameters():
        p.requires_grad_(False)
    run = trainer.Trainer("vocoder", model, args, betas=(0.8, 0.99), weight_decay=0)
    discriminators = Discriminators().to(args.device)
    judging = torch.optim.AdamW(discriminators.parameters(), betas=(0.8, 0.99), weight_decay=0)
    run.keep("discriminators", discriminators), run.keep("judging", judging)
    spectral_alone = run.file.with_name("vocoder-spectral.pt")
    rounds = 0
    size, frames = int(8 * args.scale), SEGMENT + CONTEXT
    source = run.batches(lambda rng: segments(size, frames, LOOK_RIGHT, rng))
    while run.running():
        if run.steps % 500 == 0:
            renew_f0(model)
        batch = next(source)
        mel, f0 = batch["mel"], batch["f0"]
        with torch.no_grad():
            predicted = model.f0_predictor(mel.transpose(1, 2))[:, :frames]
        predicts = torch.rand(size, 1, device=args.device) < SHARE_PREDICTED
        noise = torch.rand(size, frames * HOP, HARMONICS, device=args.device)
        sine = model.source(torch.where(predicts, predicted, f0), noise,
                            start=torch.rand(size, 1, dtype=torch.float64, device=args.device))
        with run.autocast():
            made = model.decode(mel.transpose(1, 2), sine)
        # beginnings are heard from their first sample, others after the frames that only give them a past
        first = torch.where(batch["begins"], 0, CONTEXT * HOP)
        heard = first[:, None] + torch.arange(SEGMENT * HOP, device=args.device)
        made, real = made.gather(1, heard), batch["audio"].gather(1, heard)
        spectral = spectral_loss(made, real)
        mel_loss = (features.mel(made) - features.mel(real)).abs().mean()
        loss, numbers = spectral + 0.5 * mel_loss, {"spectral": spectral, "mel": mel_loss}
        if run.left() < args.adversarial:
            if not spectral_alone.exists():
                run.save()
                shutil.copyfile(run.file, spectral_alone)
            rounds += 1
            for group in judging.param_groups:
                group["lr"] = 0.6 * run.rate()
            with run.autocast():
                own = discriminators.own_loss(real, made)
            judging.zero_grad(set_to_none=True)
            own.backward()
            torch.nn.utils.clip_grad_norm_(discriminators.parameters(), 10)
            judging.step()
            with run.autocast():
                adversarial, matching = discriminators.generator_loss(real, made)
            weight = min(1, rounds / ADVERSARIAL_WARM_UP)
            loss = loss + weight * (ADVERSARIAL_WEIGHT * adversarial + MATCHING_WEIGHT * matching)
            numbers |= {"discriminators": own, "adversarial": adversarial, "matching": matching}
        run.step(loss, clip=10, **numbers)


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
