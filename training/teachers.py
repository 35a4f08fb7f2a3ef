"""Teacher speech: every corpus sentence spoken by one of the speakers, with mel, whisper mel and F0.

    python teachers.py en --hours 20
    python teachers.py ru --hours 20

Speech is stored in shards (speech/<speaker>/<number>.*); the .json of a shard is written last, so a shard
either exists or not and the command resumes where it was killed.

Speakers:
    en_female  hibari as it is
    en_male    hibari speaking 22 % faster, played that much slower: lower pitch, longer vocal tract
    ru_male    festvox-ru as it is
    ru_female  festvox-ru played 18 % faster: higher pitch, shorter vocal tract
"""
import argparse
import subprocess
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import Process
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly

import corpus
import features
import workdir

SHARD = 200                                     # utterances
SPEAKERS = {"en": ["en_female", "en_male"], "ru": ["ru_male", "ru_female"]}
ALL_SPEAKERS = SPEAKERS["en"] + SPEAKERS["ru"]


@dataclass(frozen=True)
class Manner:
    """Playback of a teacher."""
    speed: Fraction         # higher is faster, with a higher pitch and a shorter vocal tract
    pitch: float = 1.0      # on top of that, where the engine takes a pitch


MANNERS = {"en_female": Manner(Fraction(1)), "en_male": Manner(Fraction(9, 11), 0.9),
           "ru_male": Manner(Fraction(1)), "ru_female": Manner(Fraction(59, 50))}


class English:
    def __init__(self):
        from hibari import Hibari, dsp
        self.dsp = dsp
        self.engine = Hibari()

    def say(self, texts: list[str], manner: Manner, seed: int):
        """Yields (samples, f0 per mel frame of the untrimmed samples) or None."""
        rng = np.random.default_rng(seed)
        for text in texts:
            speed = rng.uniform(0.95, 1.05)
            parts = [self.one(p, manner, speed, rng) for p in self.engine.phonemize(text)]
            if not parts:
                yield None
                continue
            audio = np.concatenate([a for a, _ in parts])
            pitch = np.concatenate([p for _, p in parts])
            yield audio, pitch

    def one(self, phonemes, manner, speed, rng):
        ids = np.asarray([self.engine.ids(phonemes)], np.int64)
        # spoken faster by what it is played slower: the tempo stays
        slow = 1 / manner.speed
        outputs = self.engine.sess.run(None, {"ids": ids, "speed": np.asarray([float(speed * slow)], np.float32)})
        *parts, pitch = (o[0] for o in outputs)
        pitch = pitch * manner.pitch
        audio = self.dsp.synth(*parts, pitch, rng)
        return resample_poly(audio, slow.numerator, slow.denominator).astype(np.float32), pitch


def english_f0(pitch: np.ndarray, slow: float, start: int, frames: int) -> np.ndarray:
    """hibari's own pitch (a value every 300 samples, before slowing) at the middles of mel frames."""
    pitch = pitch / slow
    centres = (start + features.HOP * (np.arange(frames) + 0.5)) / (300 * slow)
    index = np.clip(np.round(centres).astype(int), 0, len(pitch) - 1)
    inside = (centres >= 0) & (centres < len(pitch))
    return np.where(inside & (pitch[index] > 40), pitch[index], 0).astype(np.float32)


class Russian:
    SCRIPT = ("(voice_msu_ru_nsh_clunits)\n(define (say u file) (utt.synth u) (utt.save.wave u file 'riff))\n")

    def say(self, texts: list[str], manner: Manner, seed: int):
        with tempfile.TemporaryDirectory() as folder:
            calls = []
            for i, text in enumerate(texts):
                plain = "".join(c for c in text if c not in '\\"«»()')
                calls.append(f'(unwind-protect (say (Utterance Text "{plain}") "{folder}/{i}.wav") nil)\n')
            script = Path(folder) / "say.scm"
            script.write_text(self.SCRIPT + "".join(calls))
            subprocess.run(["festival", "-b", str(script)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for i in range(len(texts)):
                wave = Path(folder) / f"{i}.wav"
                if not wave.exists() or wave.stat().st_size < 4000:
                    yield None
                    continue
                audio, rate = soundfile.read(wave, dtype="float32")
                assert rate == 16_000, rate
                ratio = Fraction(3, 2) / manner.speed
                yield resample_poly(audio, ratio.numerator, ratio.denominator).astype(np.float32), None


def engine_of(language: str) -> English | Russian:
    return English() if language == "en" else Russian()


def trim(audio: np.ndarray) -> tuple[np.ndarray, int]:
    """Level the speech, leave 50 ms before it and about 80 ms after, make it whole tokens: (samples, start)."""
    frames = len(audio) // 240
    power = (audio[:frames * 240].reshape(frames, 240) ** 2).mean(1)
    active = power > power.max() * 1e-4
    gain = min(0.075 / np.sqrt(power[active].mean()), 0.9 / np.abs(audio).max())
    first, last = np.flatnonzero(active)[[0, -1]]
    start, end = first * 240 - 1200, (last + 1) * 240 + 1920
    tokens = max(2, round((end - start) / features.TOKEN))
    end = start + tokens * features.TOKEN
    padded = np.pad(audio, (max(0, -start), max(0, end - len(audio))))
    shift = max(0, -start)
    return (padded[start + shift:end + shift] * gain).astype(np.float32), start


def synthesize(engine, language, speaker, entries, seed, with_f0=True):
    """Yields (entry, samples int16, mel, whisper mel, f0) for each sentence the teacher could speak."""
    for entry, spoken in zip(entries, engine.say([e["spoken"] for e in entries], MANNERS[speaker], seed)):
        if spoken is None or len(spoken[0]) < 4800 or np.abs(spoken[0]).max() < 1e-3:
            continue
        audio, start = trim(spoken[0])
        if not 0.3 <= len(audio) / features.RATE <= 30:
            continue
        samples = np.round(audio * 32767).astype(np.int16)
        audio = samples.astype(np.float32) / 32768
        mel = features.mel(torch.from_numpy(audio)).numpy()
        if language == "en":
            pitch = english_f0(spoken[1], float(1 / MANNERS[speaker].speed), start, len(mel))
        elif with_f0:
            pitch = features.f0(audio)
        else:
            pitch = np.full(len(mel), np.nan, np.float32)
        yield entry, samples, mel, features.whisper_mel(audio).numpy(), pitch


def write_shard(folder: Path, number: int, items: list):
    entries, samples, mels, whispers, pitches = zip(*items)
    rows, frame = [], 0
    for entry, m in zip(entries, mels):
        rows.append({**entry, "frame": frame, "frames": len(m)})
        frame += len(m)
    for name, arrays, kind in (("audio", samples, np.int16), ("mel", mels, np.float16),
                               ("whisper", whispers, np.float16), ("f0", pitches, np.float32)):
        file = folder / f"{number:04d}.{name}.npy"
        workdir.write_atomically(file, lambda p: np.save(p.open("wb"), np.concatenate(arrays).astype(kind)))
    workdir.save_json(folder / f"{number:04d}.json", rows)
    return frame


def run(language: str, hours: float, first: int, f0_shards: int, every: int = 1):
    torch.set_num_threads(1)
    engine = engine_of(language)
    entries = corpus.load(language)
    done = 0.0
    for number in range(first, len(entries) // SHARD, every):
        speaker = SPEAKERS[language][number % 2]
        folder = workdir.path("speech", speaker, "x").parent
        if (folder / f"{number:04d}.json").exists():
            done += sum(r["frames"] for r in workdir.load_json(folder / f"{number:04d}.json")) / 180_000
            continue
        if done >= hours:
            break
        began = time.time()
        part = entries[number * SHARD:(number + 1) * SHARD]
        items = list(synthesize(engine, language, speaker, part, number, number < f0_shards))
        frames = write_shard(folder, number, items)
        done += frames / 180_000
        print(f"{speaker} shard {number}: {len(items)} utterances, {frames / 3000:.1f} min at "
              f"{frames / 50 / (time.time() - began):.0f}x real time; {done:.2f} of {hours} h", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", choices=["en", "ru"])
    parser.add_argument("--hours", type=float, default=20)
    parser.add_argument("--first", type=int, default=0, help="shard to begin with: text no earlier training has read")
    parser.add_argument("--f0-shards", type=int, default=24, help="Russian shards that get F0 (the vocoder's share)")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    jobs = [Process(target=run, args=(arguments.language, arguments.hours / arguments.jobs, arguments.first + i,
                                      arguments.f0_shards, arguments.jobs)) for i in range(arguments.jobs)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    raise SystemExit(any(job.exitcode for job in jobs))
