"""Chooses the utterance that becomes each speaker's prompt: the one after which the language model errs least.

    python prompts.py [--candidates 30] [--voices ru_male en_female]        writes prompts.json in the work directory

A small language model leaves words out and says some twice, more often after one prompt than after another. Each candidate
is a whole, plain utterance of 3 to 4.2 s. After it the model speaks the texts of sentences/*_choice.txt, which nobody has
trained on or will be judged by: once after each candidate, four times more after the best five. First counts how many are
off in length, then what the CTC head of the speech tokenizer cannot spell. Without prompts.json the first candidate is the
prompt.
"""
import argparse
import json

import torch

import corpus
import features
import speech
import teachers
import tokens as codec
import workdir
from checkpoints import TEMPERATURE, load_lm
from judge_lm import generate_all, prefixes_after, rate, wrong_characters
from measures import LENGTH_TOLERANCE
from synthesis import PROMPTS, prompt_candidates
from teachers import ALL_SPEAKERS

ROUNDS = (range(1), range(1, 5))        # seeds
FINALISTS = 5


def judging_texts(voice: str) -> list[tuple[str, float]]:
    """Texts that no training reads, and how many tokens of time the teacher takes for each."""
    language = voice[:2]
    texts = workdir.read_sentences(f"{language}_choice")
    known = {corpus.simplified(t) for t in [e["text"] for e in corpus.load(language)] + workdir.held_out(language)}
    entries = [{"text": t, "spoken": t} for t in texts if corpus.simplified(t) not in known]
    engine = teachers.engine_of(language)
    return [(e["text"], len(samples) / features.TOKEN)
            for e, samples, *_ in teachers.synthesize(engine, language, voice, entries, seed=5, with_f0=False)]


def score(model, decoder, prompt: speech.Utterance, wanted: list[tuple[str, float]], seeds: range) -> tuple[int, float]:
    """(renderings that are off in length, wrong characters in %)."""
    prefixes = prefixes_after(prompt, model, [text for text, _ in wanted])
    off, wrong = 0, []
    for seed in seeds:
        for (ids, _), (text, tokens) in zip(generate_all(model, prefixes, TEMPERATURE, seed=seed), wanted):
            off += abs(len(ids) / tokens - 1) > LENGTH_TOLERANCE
            wrong.append(wrong_characters(decoder, ids, text))
    return off, rate(wrong)


@torch.no_grad()
def choose(voices: list[str], candidates: int):
    model, decoder = load_lm(temperature=1), codec.load_codec()
    file = workdir.path(PROMPTS)
    chosen = json.loads(file.read_text()) if file.exists() else {}
    for voice in voices:
        wanted, prompts = judging_texts(voice), prompt_candidates(voice)[:candidates]
        for seeds in ROUNDS:
            scores = []
            for prompt in prompts:
                scores.append(score(model, decoder, prompt, wanted, seeds))
                print(f"{voice}: {scores[-1][0]} of {len(wanted) * len(seeds)} off in length, {scores[-1][1]:.1f} % of the "
                      f"characters wrong, {len(prompt.tokens())} tokens: {prompt.text}", flush=True)
            prompts = [prompts[i] for i in sorted(range(len(prompts)), key=scores.__getitem__)[:FINALISTS]]
        chosen[voice] = prompts[0].text
        print(f"{voice}: {chosen[voice]}", flush=True)
        workdir.write_atomically(file, lambda p: p.write_text(json.dumps(chosen, ensure_ascii=False, indent=1)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--voices", nargs="+", choices=ALL_SPEAKERS, default=ALL_SPEAKERS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    choose(arguments.voices, arguments.candidates)
