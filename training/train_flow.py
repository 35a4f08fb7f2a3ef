"""Training of the flow model on speech tokens and raw log-mel, and its judgement.

    python train_flow.py train
    python train_flow.py judge          held-out sentences from their true tokens, through Griffin-Lim and the vocoder
"""
import itertools
import math
import sys

import numpy as np
import torch

import speech
import trainer
from checkpoints import load_flow, load_vocoder
from flow import MEL_DEVIATION, MEL_MEAN, SPEAKER, Flow, schedule, solve
from teachers import ALL_SPEAKERS

FRAMES_A_STEP = 2400
LONGEST = 700
LOAD_EVERY = 500                                # batches; new shards may have come
DROP_CONDITION, SHARE_STREAMING, SHARE_OWN_PROMPT, SHARE_OTHER_PROMPT = 0.15, 0.5, 0.25, 0.5
PRIOR_WEIGHT, PRIOR_UNTIL = 0.5, 4000           # steps in which mu itself is pulled towards the mel


def speaker_vectors() -> torch.Tensor:
    """One fixed 192-d vector a speaker stands in for the x-vector."""
    return torch.randn(len(ALL_SPEAKERS), SPEAKER, generator=torch.Generator().manual_seed(192))


def example(u, others, rng):
    """(tokens, mel, frames given as prompt): an utterance, often after (part of) another one as its prompt."""
    tokens, mel, given = u.tokens(), u.mel(), 0
    kind = rng.random()
    if kind < SHARE_OTHER_PROMPT:
        prompt = rng.choice(others)
        n = min(len(prompt.tokens()), rng.choice([75, 75, rng.randrange(25, 120)]), (LONGEST - len(mel)) // 2)
        if n > 0:
            tokens = np.concatenate([prompt.tokens()[:n], tokens])
            mel = np.concatenate([prompt.mel()[:2 * n], mel])
            given = 2 * n
    elif kind < SHARE_OTHER_PROMPT + SHARE_OWN_PROMPT:
        given = int(len(mel) * rng.uniform(0, 0.3))
    return tokens, mel, given


def examples(frames_a_step, rng):
    """Batches without end, padded to whole tokens."""
    while True:
        utterances = [u for u in speech.load(needs="tokens")[0] if u.frames <= LONGEST - 50]
        by_speaker = {s: [u for u in utterances if u.speaker == s and u.frames > 50] for s in ALL_SPEAKERS}
        # prompts must fit beside the utterance, so room for one is counted in
        source = speech.batches(utterances, frames_a_step, rng, length=lambda u: u.frames + 100)
        for batch in itertools.islice(source, LOAD_EVERY):
            tokens, mels, given = zip(*(example(u, by_speaker[u.speaker], rng) for u in batch))
            yield {"tokens": torch.from_numpy(speech.padded(list(tokens))),
                   "mel": torch.from_numpy(speech.padded(list(mels), MEL_MEAN)),
                   "frames": torch.tensor([len(m) for m in mels]), "given": torch.tensor(given),
                   "speaker": torch.tensor([u.speaker_index for u in batch]),
                   "streaming": rng.random() < SHARE_STREAMING}


def train(argv):
    args = trainer.arguments("flow", steps=10_000, lr=1e-3).parse_args(argv)
    model = Flow(training_form=True)
    run = trainer.Trainer("flow", model, args, betas=(0.9, 0.98))
    vectors = speaker_vectors().to(args.device)
    source = run.batches(lambda rng: examples(FRAMES_A_STEP * args.scale, rng))
    while run.running():
        batch = next(source)
        x1, lengths = batch["mel"], batch["frames"]
        n = len(x1)
        place = torch.arange(x1.shape[1], device=args.device)
        mask = place < lengths[:, None]
        prompt = place < batch["given"][:, None]
        keep = (torch.rand(n, device=args.device) >= DROP_CONDITION).float()
        t = 1 - torch.cos(torch.rand(n, device=args.device) * math.pi / 2)
        x0 = torch.randn_like(x1)
        xt = (1 - t[:, None, None]) * x0 + t[:, None, None] * x1
        cond = x1 * prompt[..., None]
        with run.autocast():
            mu = model.encode(batch["tokens"])
            spks = model.speaker(vectors[batch["speaker"]])
            y = model.decoder.estimator(xt, mu * keep[:, None, None], cond * keep[:, None, None], spks * keep[:, None],
                                        t, batch["streaming"], lengths)
        error = ((y - (x1 - x0)) / MEL_DEVIATION) ** 2
        loss = (error.mean(-1) * mask).sum() / mask.sum()
        prior = (((mu.float() - (x1 - MEL_MEAN) / MEL_DEVIATION) ** 2).mean(-1) * mask).sum() / mask.sum()
        weight = PRIOR_WEIGHT * max(0, 1 - run.steps / PRIOR_UNTIL)
        run.step(loss + weight * prior, flow=loss, prior=prior)


def noise_table() -> torch.Tensor:
    return torch.randn(1, 80, 15_000, generator=torch.Generator().manual_seed(0))[0]


def judge_flow(argv):
    import judge
    from tokens import griffin_lim
    torch.set_num_threads(1)
    model, vectors, noise = load_flow(), speaker_vectors(), noise_table()
    training, validation = speech.load(needs="tokens")
    vocoder = load_vocoder() if trainer.has_weights("vocoder") else None
    recogniser = judge.Recogniser()
    for speaker in ALL_SPEAKERS:
        chosen = [u for u in validation if u.speaker == speaker and len(u.text.split()) > 3][:12]
        prompt = next(u for u in training if u.speaker == speaker and u.frames >= 160)
        texts = [u.text for u in chosen] if speaker.startswith("en") else None
        for name, times, streaming in (("10 cosine steps, full", schedule(10, True), False),
                                       ("5 linear steps, streaming", schedule(5, False), True)):
            made, l1 = [], []
            for u in chosen:
                ids = torch.from_numpy(np.concatenate([prompt.tokens()[:75], u.tokens()]))
                mel = solve(model, ids, torch.from_numpy(prompt.mel()[:150]), vectors[ALL_SPEAKERS.index(speaker)],
                            noise, times, streaming)
                made.append(mel)
                l1.append((mel - torch.from_numpy(u.mel())).abs().mean().item())
            print(f"{speaker}, {name}: mel L1 {np.mean(l1):.3f}", flush=True)
            print("  Griffin-Lim", judge.judge([griffin_lim(m) for m in made], texts, recogniser), flush=True)
            if vocoder:
                audio = [vocoder(m.T[None])[0].numpy() for m in made]
                print("  vocoder    ", judge.judge(audio, texts, recogniser), flush=True)


if __name__ == "__main__":
    {"train": train, "judge": judge_flow}[sys.argv[1]](sys.argv[2:])
