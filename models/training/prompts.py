"""Chooses the utterance that becomes each speaker's prompt: the one after which the language model leaves out least.

    python prompts.py [--candidates 12] [--voices ru_male en_female]        writes prompts.json in the work directory

A small language model drops words, more often after one prompt than after another. Each candidate is a whole, plain
utterance of 3.2 to 5.2 s; what the model draws after it for the speaker's validation texts is judged by the CTC head of
the speech tokenizer. Without prompts.json the first candidate is the prompt.
"""
import argparse
import json

import torch

import speech
import tokens as codec
import workdir
from judge_lm import generate_all, prefixes_after, rate, wrong_characters
from synthesis import PROMPTS, prompt_candidates
from teachers import ALL_SPEAKERS
from train_lm import TEMPERATURE, load_lm

SHORT = 0.75                # of the teacher's length: words are missing
DRAWS = 2


def score(model, decoder, prompt: speech.Utterance, wanted: list[speech.Utterance]) -> tuple[float, int]:
    """(wrong characters in %, utterances with words missing) over all draws."""
    prefixes = prefixes_after(prompt, model, [u.text for u in wanted])
    wrong, short = [], 0
    for seed in range(DRAWS):
        made = generate_all(model, prefixes, TEMPERATURE, seed=seed)
        wrong += [wrong_characters(decoder, ids, u.spoken) for (ids, _), u in zip(made, wanted)]
        short += sum(len(ids) < SHORT * len(u.tokens()) for (ids, _), u in zip(made, wanted))
    return rate(wrong), short


@torch.no_grad()
def choose(voices: list[str], candidates: int):
    model, decoder = load_lm(temperature=1), codec.load_codec()
    file = workdir.path(PROMPTS)
    chosen = json.loads(file.read_text()) if file.exists() else {}
    for voice in voices:
        _, validation = speech.load([voice[:2]], needs="align")
        wanted = [u for u in validation if u.speaker == voice and u.frames < 400]
        scores = {}
        for prompt in prompt_candidates(voice)[:candidates]:
            texts = [u for u in wanted if u.text != prompt.text]
            scores[prompt.text] = wrong, short = score(model, decoder, prompt, texts)
            print(f"{voice}: {wrong:.1f} % of the characters wrong, {short} of {DRAWS * len(texts)} too short, "
                  f"{len(prompt.tokens())} tokens: {prompt.text}", flush=True)
        chosen[voice] = min(scores, key=lambda text: (scores[text][1], scores[text][0]))
        print(f"{voice}: {chosen[voice]}", flush=True)
        workdir.write_atomically(file, lambda p: p.write_text(json.dumps(chosen, ensure_ascii=False, indent=1)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--voices", nargs="+", choices=ALL_SPEAKERS, default=ALL_SPEAKERS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    choose(arguments.voices, arguments.candidates)
