"""Do the language model's tokens spell the text? Judged by the CTC head of the speech tokenizer, many sentences at once.

    python judge_lm.py [--temperatures 1 0.6] [--voices ru_male en_female]

Error rates are of characters: of tokens the model drew, and of the teacher's own tokens, below which none can fall.
"""
import argparse

import numpy as np
import torch

import text_tokenizer
import tokens as codec
import workdir
from ceilings import teacher_speech
from checkpoints import load_lm
from features import whisper_mel
from judge import edit_distance
from qwen2 import SOS, TOKENS, SpeechLM
from speech import Utterance
from synthesis import prompt_of
from teachers import ALL_SPEAKERS

LONGEST = 300                                   # tokens


@torch.no_grad()
def generate_all(model: SpeechLM, prefixes: list[torch.Tensor], temperature, top_p=0.8, top_k=25, window=10, tau=0.5,
                 seed=0) -> list[tuple[list[int], bool]]:
    """`qwen2.generate` for prefixes [T, hidden] side by side, the shorter ones padded on the left."""
    longest = max(map(len, prefixes))
    x = torch.stack([torch.nn.functional.pad(p, (0, 0, longest - len(p), 0)) for p in prefixes])
    hidden = torch.arange(longest) < torch.tensor([longest - len(p) for p in prefixes])[:, None]
    generator = torch.Generator().manual_seed(seed)
    out, stopped = [[] for _ in prefixes], [False] * len(prefixes)
    cache, head = [[] for _ in model.text.layers], model.head().T / temperature
    for _ in range(LONGEST):
        state = model.body(x, cache, hidden=hidden)[:, -1].float()
        probabilities = (state @ head).softmax(-1)
        probabilities[:, SOS] = 0
        best, ids = probabilities.topk(top_k)
        nucleus = torch.where(best.cumsum(1) - best < top_p, best, 0)
        drawn = ids.gather(1, torch.multinomial(nucleus, 1, generator=generator))[:, 0]
        for i, recent in enumerate(o[-window:] for o in out):
            if recent.count(int(drawn[i])) >= window * tau:
                probabilities[i, drawn[i]] = 0
                drawn[i] = torch.multinomial(probabilities[i], 1, generator=generator)
        for i, token in enumerate(drawn.tolist()):
            stopped[i] = stopped[i] or token >= TOKENS
            if not stopped[i]:
                out[i].append(token)
        if all(stopped):
            break
        x = model.embed_speech(drawn.clamp(max=TOKENS - 1)[:, None])
        hidden = torch.cat([hidden, torch.zeros(len(out), 1, dtype=torch.bool)], 1)
    return list(zip(out, stopped))


@torch.no_grad()
def wrong_characters(decoder: codec.Codec, ids: list[int], text: str) -> tuple[int, int]:
    """(edit distance, characters) of what the most likely CTC path spells."""
    wanted = codec.spelled(text)[0]
    path = decoder.spelling(codec.digits_of(torch.tensor(ids or [0]))[None])[0].argmax(-1)
    heard = [k for k in torch.unique_consecutive(path).tolist() if k]
    return edit_distance(wanted, heard), len(wanted)


def prefixes_after(prompt: Utterance, model: SpeechLM, texts: list[str]) -> list[torch.Tensor]:
    """The model's input before its first token [T, hidden], for each text."""
    before = text_tokenizer.encode(text_tokenizer.SYSTEM)[0] + text_tokenizer.encode(prompt.text)[0]
    return [model.prefix(torch.tensor([before + text_tokenizer.encode(t)[0]]),
                         torch.from_numpy(prompt.tokens())[None])[0] for t in texts]


def rate(pairs: list[tuple[int, int]]) -> float:
    wrong, all_of_them = map(sum, zip(*pairs))
    return 100 * wrong / all_of_them


@torch.no_grad()
def judge(model: SpeechLM, voices, temperatures):
    decoder = codec.load_codec()
    for voice in voices:
        kinds = [workdir.read_sentences(f"{voice[:2]}_{kind}") for kind in ("words", "medium")]
        texts = sum(kinds, [])
        true = [codec.ids(decoder.encoder(whisper_mel(a)[None]))[0].tolist() for a in teacher_speech(voice)[:len(texts)]]
        print(f"{voice}: teacher {rate([wrong_characters(decoder, t, s) for t, s in zip(true, texts)]):.1f} %", flush=True)
        prefixes = prefixes_after(prompt_of(voice), model, texts)
        for temperature in temperatures:
            made = generate_all(model, prefixes, temperature)
            wrong = [wrong_characters(decoder, ids, t) for (ids, _), t in zip(made, texts)]
            words, medium = rate(wrong[:len(kinds[0])]), rate(wrong[len(kinds[0]):])
            length = np.median([len(ids) / len(t) for (ids, _), t in zip(made, true)])
            print(f"  temperature {temperature}: {rate(wrong):.1f} % (words {words:.1f}, medium {medium:.1f}), "
                  f"{sum(s for _, s in made)}/{len(made)} stopped, length {length:.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--temperatures", nargs="+", type=float, default=[1, 0.6])
    parser.add_argument("--voices", nargs="+", choices=ALL_SPEAKERS, default=ALL_SPEAKERS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    judge(load_lm(temperature=1), arguments.voices, arguments.temperatures)
