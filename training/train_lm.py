"""Training of the language model: text -> speech tokens.

    python train_lm.py train

A training sequence is what the runtime will build: [sos, text ids, task, speech tokens, eos], where the text ids
begin with the system prompt. Half of them hold two utterances of one speaker, as in zero-shot synthesis after a
prompt; the others a single one, as in cross-lingual and instruct mode.

Guided attention: two heads of two layers are paid for looking, at each speech position, at the text the CTC
alignment names; the weight falls to a tenth in the first GUIDED_STEPS.
"""
import itertools
import sys

import numpy as np
import torch
import torch.nn.functional as F

import speech
import text_tokenizer
import trainer
from checkpoints import geometry, load_lm
from qwen2 import EOS, SOS, TASK, SpeechLM
from teachers import ALL_SPEAKERS

POSITIONS_A_STEP = 1600
LONGEST = 960               # a prompt and 300 characters
SHARE_PROMPTED, SHARE_JOINED, SHARE_LOWER_CASE = 0.5, 0.15, 0.08
EARLY, SHORT = 800, 160     # steps of a beginner, who reads no longer sequences
LOAD_EVERY = 500            # batches; new shards may have come
GUIDED_LAYERS = (1, 2)
GUIDED_STEPS = 8000          # the weight of guidance falls to a tenth until then
VALIDATE_EVERY = 400


def positions(u) -> int:
    return u.frames // 2 + len(text_tokenizer.encode(u.text)[0])


def sequence(parts, lower=False):
    """Utterances spoken one after the other: (text ids, speech tokens, for each of these its text position or -1).

    The first part stands alone when it is a prompt; what follows it in one breath is a text with blanks between."""
    text, spoken, places = list(text_tokenizer.encode(text_tokenizer.SYSTEM)[0]), [], []
    for part in parts:
        for i, u in enumerate(part):
            blank = " " * (i > 0)
            ids, owner = text_tokenizer.encode(blank + (u.text.lower() if lower else u.text))
            places += [len(text) + owner[c + len(blank)] if c >= 0 else -1 for c in u.alignment()]
            text += ids
            spoken += u.tokens().tolist()
    return text, spoken, places


def padded_batch(sequences) -> dict[str, torch.Tensor]:
    """`ids` of the table that `is_text` chooses, `targets` (-100: none) and text positions `wanted` (-1: none)."""
    shape = len(sequences), max(2 + len(t) + len(s) for t, s, _ in sequences)
    ids, is_text = np.full(shape, SOS), np.zeros(shape, bool)
    targets, wanted = np.full(shape, -100), np.full(shape, -1)
    for i, (t, s, p) in enumerate(sequences):
        first = len(t) + 1                              # the position of `task` predicts the first token
        ids[i, :first + 1 + len(s)] = [SOS, *t, TASK, *s]
        is_text[i, 1:first] = True
        targets[i, first:first + len(s) + 1] = [*s, EOS]
        wanted[i, first:first + len(s)] = p
    return {k: torch.from_numpy(v) for k, v in
            {"ids": ids, "is_text": is_text, "targets": targets, "wanted": wanted}.items()}


def batch_loss(model, batch, guide: float):
    """(loss, cross entropy, accuracy, guided loss) of a padded batch."""
    targets, wanted = batch["targets"], batch["wanted"]
    watch = {layer: [] for layer in GUIDED_LAYERS} if guide > 0 else {}
    hidden = model.body(model.embed(batch["ids"], batch["is_text"]), watch=watch)
    speaking = targets >= 0
    logits = (hidden[speaking] @ model.head().to(hidden.dtype).T).float()
    goal = targets[speaking]
    entropy = F.cross_entropy(logits, goal)
    accuracy = (logits.argmax(-1) == goal).float().mean()
    guided = entropy.new_zeros(())
    if guide > 0:
        row, column = (wanted >= 0).nonzero(as_tuple=True)
        centre = wanted[row, column] + 1                # +1: sos stands before the text
        near = (centre[:, None] + torch.tensor([-1, 0, 1], device=centre.device)).clamp(min=0)
        for maps in watch.values():
            attention = maps[0][row, :, column]         # [places, heads, positions]
            mass = attention.gather(2, near[:, None].expand(-1, attention.shape[1], -1)).sum(-1)
            guided = guided - torch.log(mass + 1e-4).mean() / len(watch)
    return entropy + guide * guided, entropy, accuracy, guided


def train(argv):
    parser = trainer.arguments("language model", steps=30_000, lr=1.5e-3)
    parser.add_argument("--judge", nargs="*", default=["en_female", "ru_male"], help="voices judged in the end")
    parser.add_argument("--dropout", type=float, default=0)
    args = parser.parse_args(argv)
    model = SpeechLM(**geometry(), training_form=True)
    model.dropout = args.dropout
    run = trainer.Trainer("lm", model, args, betas=(0.9, 0.98), weight_decay=0.05)
    early = max(0, EARLY - run.steps)
    source = run.batches(lambda rng: examples(int(POSITIONS_A_STEP * args.scale), early // max(1, args.workers), rng))
    validation = held_out(args.device)
    while run.running():
        guide = max(0.1, 1 - 0.9 * run.steps / GUIDED_STEPS)
        with run.autocast():
            loss, entropy, accuracy, guided = batch_loss(model, next(source), guide)
        run.step(loss, entropy=entropy, accuracy=accuracy, guided=guided)
        if run.steps % VALIDATE_EVERY == 0:
            validate(run, model, validation)
    if args.judge:
        import judge_lm
        judge_lm.judge(load_lm(temperature=1), args.judge, (1, 0.8, 0.65, 0.5, 0.35))


def examples(positions_a_step, early, rng):
    """Batches without end, the first `early` of short utterances alone."""
    while True:
        training = speech.load(needs="align")[0]
        utterances = [u for u in training if positions(u) <= (SHORT if early > 0 else LONGEST)]
        suited = [u for u in utterances if 60 <= u.frames // 2 <= 140]
        prompts = {s: [u for u in suited if u.speaker == s] for s in ALL_SPEAKERS}

        def company(u):
            """The utterance, some times with others of its speaker in one breath, half of the time after a prompt."""
            said, room = [u], LONGEST - positions(u)
            joined = rng.random() < SHARE_JOINED
            before = rng.random() < SHARE_PROMPTED
            others = prompts[u.speaker]
            if early > 0 or not others:
                return [said]
            prompt = rng.choice(others)
            before = before and positions(prompt) <= room
            room -= before * positions(prompt)
            while joined and positions(other := rng.choice(others)) < room:
                said.append(other)
                room -= positions(other) + 1
                joined = rng.random() < 0.7
            return [[prompt], said] if before else [said]

        def length(parts):
            return sum(positions(u) for part in parts for u in part) + 15

        for batch in itertools.islice(speech.batches(utterances, positions_a_step, rng, length, company),
                                      early if early > 0 else LOAD_EVERY):
            yield padded_batch([sequence(parts, lower=rng.random() < SHARE_LOWER_CASE) for parts in batch])
        early = 0


def held_out(device) -> dict[str, list[dict]]:
    """Batches of 8 utterances a language that nothing trains on."""
    validation, batches = speech.load(needs="align")[1], {}
    for language in ("en", "ru"):
        chosen = [[[u]] for u in validation if u.language == language and positions(u) < 300][:32]
        batches[language] = [{k: v.to(device) for k, v in padded_batch([sequence(p) for p in chosen[i:i + 8]]).items()}
                             for i in range(0, len(chosen), 8)]
    return batches


@torch.no_grad()
def validate(run, model, validation):
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(run.average)
    model.eval()
    for language, batches in validation.items():
        totals = torch.zeros(2)
        for batch in batches:
            with run.autocast():
                _, entropy, accuracy, _ = batch_loss(model, batch, 0)
            totals += torch.tensor([float(entropy), float(accuracy)]) / len(batches)
        print(f"lm held-out {language}: entropy {totals[0]:.3f}, accuracy {totals[1]:.3f}", flush=True)
        run.history.append({"step": run.steps, f"held-out {language}": float(totals[0])})
    model.load_state_dict(weights)
    model.train()


if __name__ == "__main__":
    {"train": train}[sys.argv[1]](sys.argv[2:])
