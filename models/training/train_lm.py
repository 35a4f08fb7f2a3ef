"""Training of the language model: text -> speech tokens.

    python train_lm.py train

A training sequence is what the runtime will build: [sos, text ids, task, speech tokens, eos], where the text ids
begin with the system prompt. Half of them hold two utterances of one speaker, as in zero-shot synthesis after a
prompt; the others a single one, as in cross-lingual and instruct mode.

Guided attention: two heads of two layers are paid for looking, at each speech position, at the text the CTC
alignment names; the weight falls to a tenth in the first GUIDED_STEPS.
"""
import sys

import torch
import torch.nn.functional as F

import speech
import text_tokenizer
import trainer
from qwen2 import EOS, SpeechLM
from teachers import ALL_SPEAKERS

POSITIONS_A_STEP = 1600
LONGEST = 640
SHARE_PROMPTED, SHARE_LOWER_CASE = 0.5, 0.08
GUIDED_LAYERS = (1, 2)
GUIDED_STEPS = 8000          # the weight of guidance falls to a tenth until then
VALIDATE_EVERY = 400
# The head is exported sharper by this: with the published sampling (top-p 0.8) a small model slurs
TEMPERATURE = 0.5


def geometry() -> dict:
    return {"hidden": 256, "layers": 6, "heads": 4, "kv_heads": 2, "head_dim": 64, "mlp": 704,
            "text_rows": text_tokenizer.rows()}


def positions(u) -> int:
    return u.frames // 2 + len(text_tokenizer.encode(u.text)[0])


def sequence(parts, lower=False):
    """Utterances spoken one after the other: (text ids, speech tokens, for each of these its text position or -1)."""
    text, spoken, places = list(text_tokenizer.encode(text_tokenizer.SYSTEM)[0]), [], []
    for u in parts:
        ids, owner = text_tokenizer.encode(u.text.lower() if lower else u.text)
        places += [len(text) + owner[c] if c >= 0 else -1 for c in u.alignment()]
        text += ids
        spoken += u.tokens().tolist()
    return text, spoken, places


def batch_loss(model, sequences, device, guide: float):
    """(loss, cross entropy, accuracy, guided loss) of a padded batch."""
    texts, spoken, places = zip(*sequences)
    longest = max(2 + len(t) + len(s) for t, s in zip(texts, spoken))
    rows, targets = [], torch.full((len(texts), longest), -100, device=device)
    wanted = torch.full((len(texts), longest), -1, device=device)
    for i, (t, s, p) in enumerate(sequences):
        x = model.prefix(torch.tensor([t], device=device), torch.tensor([s], device=device))[0]
        rows.append(F.pad(x, (0, 0, 0, longest - len(x))))
        first = len(t) + 1                              # the position of `task` predicts the first token
        targets[i, first:first + len(s) + 1] = torch.tensor(s + [EOS], device=device)
        wanted[i, first:first + len(s)] = torch.tensor(p, device=device)
    watch = {layer: [] for layer in GUIDED_LAYERS} if guide > 0 else {}
    hidden = model.body(torch.stack(rows), watch=watch)
    speaking = targets >= 0
    logits = (hidden[speaking] @ model.head().to(hidden.dtype).T).float()
    goal = targets[speaking]
    entropy = F.cross_entropy(logits, goal)
    accuracy = (logits.argmax(-1) == goal).float().mean()
    guided = entropy.new_zeros(())
    if guide > 0:
        row, column = (wanted >= 0).nonzero(as_tuple=True)
        centre = wanted[row, column] + 1                # +1: sos stands before the text
        near = (centre[:, None] + torch.tensor([-1, 0, 1], device=device)).clamp(min=0)
        for maps in watch.values():
            attention = maps[0][row, :, column]         # [places, heads, positions]
            mass = attention.gather(2, near[:, None].expand(-1, attention.shape[1], -1)).sum(-1)
            guided = guided - torch.log(mass + 1e-4).mean() / len(watch)
    return entropy + guide * guided, entropy, accuracy, guided


def train(argv):
    parser = trainer.arguments("language model", steps=30_000, lr=1.5e-3)
    parser.add_argument("--judge", nargs="*", default=["en_female", "ru_male"], help="voices judged in the end")
    args = parser.parse_args(argv)
    model = SpeechLM(**geometry(), training_form=True)
    run = trainer.Trainer("lm", model, args, betas=(0.9, 0.98), weight_decay=0.05)
    source = None
    while run.running():
        early = run.steps < 800                         # short utterances first
        if source is None or run.steps % 500 == 0 or run.steps == 800:
            training, validation = speech.load(needs="align")
            limit = 160 if early else LONGEST
            utterances = [u for u in training if positions(u) <= limit]
            suited = [u for u in utterances if 60 <= u.frames // 2 <= 140]
            prompts = {s: [u for u in suited if u.speaker == s] for s in ALL_SPEAKERS}

            def prompted(u):
                """The utterance, half of the time after another one of its speaker."""
                if not early and run.rng.random() < SHARE_PROMPTED and prompts[u.speaker]:
                    other = run.rng.choice(prompts[u.speaker])
                    if positions(u) + positions(other) <= LONGEST:
                        return [other, u]
                return [u]

            source = speech.batches(utterances, POSITIONS_A_STEP, run.rng, prepare=prompted,
                                    length=lambda parts: sum(map(positions, parts)) + 15)
        sequences = [sequence(parts, lower=run.rng.random() < SHARE_LOWER_CASE) for parts in next(source)]
        guide = max(0.1, 1 - 0.9 * run.steps / GUIDED_STEPS)
        with run.autocast():
            loss, entropy, accuracy, guided = batch_loss(model, sequences, args.device, guide)
        run.step(loss, entropy=entropy, accuracy=accuracy, guided=guided)
        if run.steps % VALIDATE_EVERY == 0:
            validate(run, model, validation, args.device)
    import judge_lm
    judge_lm.judge(load_lm(temperature=1), args.judge, (1, 0.8, 0.65, 0.5, 0.35))


@torch.no_grad()
def validate(run, model, validation, device):
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(run.average)
    for language in ("en", "ru"):
        chosen = [u for u in validation if u.language == language and positions(u) < 300][:32]
        totals = torch.zeros(2)
        for i in range(0, len(chosen), 8):
            with run.autocast():
                _, entropy, accuracy, _ = batch_loss(model, [sequence([u]) for u in chosen[i:i + 8]], device, 0)
            totals += torch.tensor([float(entropy), float(accuracy)]) / (len(chosen) / 8)
        print(f"lm held-out {language}: entropy {totals[0]:.3f}, accuracy {totals[1]:.3f}", flush=True)
        run.history.append({"step": run.steps, f"held-out {language}": float(totals[0])})
    model.load_state_dict(weights)


def load_lm(temperature=TEMPERATURE) -> SpeechLM:
    """The averaged weights in official form, logits divided by `temperature`."""
    trained = SpeechLM(**geometry(), training_form=True)
    trained.load_state_dict(trainer.averaged("lm"))
    model = SpeechLM(**geometry())
    model.load_state_dict(trained.official_state())
    model.llm_decoder.weight.data /= temperature
    return model.eval()


if __name__ == "__main__":
    {"train": train}[sys.argv[1]](sys.argv[2:])
