"""Chooses the utterance that becomes each speaker's prompt: the one after which the language model errs least.

    python prompts.py [--candidates 60] [--voices ru_male en_female]        writes prompts.json in the work directory

A small language model leaves words out and says some twice, more often after one prompt than after another. Each candidate
is a whole, plain utterance of 3.2 to 5.2 s. After it the model speaks texts that nobody has trained on or will be judged
by; first counts how many are off in length, then what the CTC head of the speech tokenizer cannot spell. Without
prompts.json the first candidate is the prompt.
"""
import argparse
import json
import random

import torch

import corpus
import features
import speech
import teachers
import tokens as codec
import workdir
from judge_lm import generate_all, prefixes_after, rate, wrong_characters
from synthesis import PROMPTS, prompt_candidates
from teachers import ALL_SPEAKERS
from train_lm import TEMPERATURE, load_lm

SHORT, LONG = 0.75, 1.25    # of the teacher's length
LONGEST = 130               # characters


def judging_texts(voice: str) -> list[tuple[str, float]]:
    """Texts that no training reads, and how many tokens of time the teacher takes for each."""
    language = voice[:2]
    rng = random.Random(f"prompts {language}")
    texts = corpus.pseudo_sentences(language, 110, rng) + corpus.announcements(language, 40, rng)
    known = {corpus.simplified(t) for t in [e["text"] for e in corpus.load(language)] + workdir.held_out(language)}
    entries = [{"text": t, "spoken": t} for t in texts if corpus.simplified(t) not in known and len(t) < LONGEST]
    engine = teachers.engine_of(language)
    new = [(e["text"], len(samples) / features.TOKEN)
           for e, samples, *_ in teachers.synthesize(engine, language, voice, entries, seed=5, with_f0=False)]
    _, validation = speech.load([language], needs="align")
    return new + [(u.text, u.frames / 2) for u in validation
                  if u.speaker == voice and u.text == u.spoken and u.frames < 400]


def score(model, decoder, prompt: speech.Utterance, wanted: list[tuple[str, float]]) -> tuple[float, int, int]:
    """(wrong characters in %, texts too short, texts too long)."""
    made = generate_all(model, prefixes_after(prompt, model, [text for text, _ in wanted]), TEMPERATURE)
    wrong = rate([wrong_characters(decoder, ids, text) for (ids, _), (text, _) in zip(made, wanted)])
    length = [len(ids) / tokens for (ids, _), (_, tokens) in zip(made, wanted)]
    return wrong, sum(r < SHORT for r in length), sum(r > LONG for r in length)


@torch.no_grad()
def choose(voices: list[str], candidates: int):
    model, decoder = load_lm(temperature=1), codec.load_codec()
    file = workdir.path(PROMPTS)
    chosen = json.loads(file.read_text()) if file.exists() else {}
    for voice in voices:
        wanted, scores = judging_texts(voice), {}
        for prompt in prompt_candidates(voice)[:candidates]:
            texts = [(text, length) for text, length in wanted if text != prompt.text]
            wrong, short, long = score(model, decoder, prompt, texts)
            scores[prompt.text] = short + long, wrong
            print(f"{voice}: {wrong:.1f} % of the characters wrong, {short} of {len(texts)} too short, {long} too long, "
                  f"{len(prompt.tokens())} tokens: {prompt.text}", flush=True)
        chosen[voice] = min(scores, key=scores.get)
        print(f"{voice}: {chosen[voice]}", flush=True)
        workdir.write_atomically(file, lambda p: p.write_text(json.dumps(chosen, ensure_ascii=False, indent=1)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=60)
    parser.add_argument("--voices", nargs="+", choices=ALL_SPEAKERS, default=ALL_SPEAKERS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    choose(arguments.voices, arguments.candidates)
