"""The whole chain in PyTorch, from checkpoints in training: text -> audio.

    python synthesis.py --voice en_female "Hello, this is a test." out.wav
    python synthesis.py --judge             word error rate, DNSMOS, stops and lengths on the held-out lists
"""
import argparse
import json

import numpy as np
import soundfile
import torch

import speech
import text_tokenizer
import trainer
import workdir
from checkpoints import load_flow, load_lm, load_vocoder
from flow import schedule, solve
from qwen2 import generate
from teachers import ALL_SPEAKERS
from tokens import griffin_lim
from train_flow import noise_table, speaker_vectors

PROMPT_TOKENS = range(75, 106)
PROMPTS = "prompts.json"


def prompt_candidates(speaker: str) -> list[speech.Utterance]:
    """Utterances that can be the speaker's prompt: whole, plain, 3 to 4.2 s long: each is more for the flow to do."""
    training, validation = speech.load([speaker[:2]], needs="align")
    plain = [u for u in training + validation if u.speaker == speaker and u.frames // 2 in PROMPT_TOKENS
             and u.text == u.spoken and u.text.endswith(".") and not set(u.text[:-1]) & set(".!?;:—\"()")
             and len(u.text.split()) >= 8]
    return sorted(plain, key=lambda u: (u.shard, u.frame))


def prompt_of(speaker: str) -> speech.Utterance:
    """The speaker's prompt, as `prompts.py` chose it, else the first that can be one."""
    candidates, chosen = prompt_candidates(speaker), workdir.path(PROMPTS)
    text = json.loads(chosen.read_text()).get(speaker) if chosen.exists() else None
    return next((u for u in candidates if u.text == text), candidates[0])


class Pipeline:
    def __init__(self, seed=0, streaming=True, steps=5, cosine=False):
        self.lm, self.flow = load_lm(), load_flow()
        self.vocoder = load_vocoder() if trainer.has_weights("vocoder") else None
        self.noise, self.vectors = noise_table(), speaker_vectors()
        self.prompts = {}
        self.seed, self.streaming, self.times = seed, streaming, schedule(steps, cosine)

    def prompt(self, speaker):
        if speaker not in self.prompts:
            self.prompts[speaker] = prompt_of(speaker)
        return self.prompts[speaker]

    def tokens(self, text, speaker):
        prompt = self.prompt(speaker)
        ids = list(text_tokenizer.encode(text)[0])
        before = list(text_tokenizer.encode(text_tokenizer.SYSTEM + prompt.text)[0])
        generator = torch.Generator().manual_seed(self.seed)
        return generate(self.lm, before + ids, prompt.tokens().tolist(), len(ids), generator)

    def mel(self, tokens, speaker):
        prompt = self.prompt(speaker)
        ids = torch.from_numpy(np.concatenate([prompt.tokens(), np.array(tokens, np.int64)]))
        return solve(self.flow, ids, torch.from_numpy(prompt.mel()), self.vectors[ALL_SPEAKERS.index(speaker)],
                     self.noise, self.times, self.streaming)

    @torch.no_grad()
    def audio(self, mel):
        return self.vocoder(mel.T[None])[0].numpy() if self.vocoder else griffin_lim(mel)

    def say(self, text, speaker):
        tokens, stopped = self.tokens(text, speaker)
        return self.audio(self.mel(tokens or [0, 0], speaker)), stopped


def judge_lists(limit: int):
    import judge
    pipeline, recogniser = Pipeline(), judge.Recogniser()
    for speaker in ALL_SPEAKERS:
        texts = workdir.read_sentences(f"{speaker[:2]}_medium")[:limit]
        made, copies, stops, rate = [], [], 0, []
        for text in texts:
            tokens, stopped = pipeline.tokens(text, speaker)
            mel = pipeline.mel(tokens or [0, 0], speaker)
            made.append(pipeline.audio(mel))
            copies.append(griffin_lim(mel))
            stops += stopped
            rate.append(len(text) / max(1, len(tokens)) * 25)
        said = texts if speaker.startswith("en") else None
        print(f"{speaker}: {stops}/{len(texts)} natural stops, {np.median(rate):.1f} characters a second")
        print("  vocoder    ", judge.judge(made, said, recogniser, show=5), flush=True)
        print("  Griffin-Lim", judge.judge(copies, said, recogniser), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?")
    parser.add_argument("output", nargs="?", default="out.wav")
    parser.add_argument("--voice", choices=ALL_SPEAKERS, default="en_female")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--limit", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.judge:
        judge_lists(arguments.limit)
    else:
        audio, stopped = Pipeline(arguments.seed).say(arguments.text, arguments.voice)
        soundfile.write(arguments.output, audio, 24_000)
        print(f"{len(audio) / 24_000:.2f} s, {'stopped by itself' if stopped else 'ran into the length limit'}")
