"""Errors of the word times that the element gives, beside the alignment of the speech tokens with the text.

    python word_times.py MODEL [--voices en_male ru_male] [--sentences 30]

The reference is the path of the speech tokenizer's CTC head through the text (tokens.py), by which the language model was
trained to look at its text, at 50 frames a second: a word begins where the blank between it and the last one is over, or
later, where the sound begins. For English a second judge: the word times of Whisper tiny.en, for words that it heard as
they were written. Their difference shows how exact either can be.

Needs what `evaluate.py` needs, and PyGObject (Debian: python3-gi, gir1.2-gstreamer-1.0).
"""
import argparse
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import gi
import numpy as np
import torch
from scipy.signal import resample_poly

import features
import judge
import tokens
import workdir

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

META = "GstCosyVoice3WordsMeta"
# A structure within an array within a structure: its text has the outer levels' backslashes
WORD = re.compile(r"text=\(string\)(.*?),start=\(guint64\)(\d+)")
ESCAPED = re.compile(rb"\\([0-7]{3})")
QUIET = 1e-4                # of the loudest 20 ms, in power
FRAMES = 50                 # of the CTC head, a second


@dataclass
class Utterance:
    audio: np.ndarray
    words: list[tuple[str, float]]          # as spoken, with the second in which it begins


def words_of(structure: str) -> list[tuple[str, float]]:
    plain = re.sub(r"\\+(?![0-7]{3})", "", re.sub(r"\\+(?=[0-7]{3})", "\x00", structure)).replace("\x00", "\\")
    found = []
    for text, start in WORD.findall(re.sub(r"(?<=,)\s+", "", plain)):
        raw = ESCAPED.sub(lambda m: bytes([int(m[1], 8)]), text.strip('" ').encode())
        found.append((raw.decode(errors="replace"), int(start) / features.RATE))
    return found


def speak(model: Path, voice: str, texts: list[str], threads: int) -> list[Utterance]:
    """Each text an utterance, with the element's word times."""
    said = []

    def take(_, info):
        buffer = info.get_buffer()
        meta = buffer.get_custom_meta(META)
        audio = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.float32)
        said.append(Utterance(audio, words_of(meta.get_structure().to_string()) if meta else []))
        return Gst.PadProbeReturn.OK

    lines = workdir.path("word_times", f"{voice}.txt")
    lines.write_text("".join(t + "\n" for t in texts))
    pipeline = Gst.parse_launch(f"filesrc location={lines} ! cosyvoice3src model-path={model} voice={voice} name=speech "
                                f"seed=0 prefix-cache=off threads={threads} ! fakesink sync=false")
    pipeline.get_by_name("speech").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, take)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        raise SystemExit(message.parse_error()[0].message)
    if len(said) != len(texts):
        raise SystemExit(f"{len(texts)} texts became {len(said)} utterances")
    return said


@torch.no_grad()
def by_tokens(codec: tokens.Codec, utterance: Utterance) -> list[float]:
    """The start of each word by the CTC head; nan for a word without letters."""
    whisper = features.whisper_mel(utterance.audio)
    digits = codec.encoder(torch.nn.functional.pad(whisper, (0, 0, 0, -len(whisper) % 4), value=-0.5)[None])
    letters = codec.spelling(digits)[0].numpy()
    text = " ".join(word for word, _ in utterance.words)
    classes, places = tokens.spelled(text)
    path = tokens.align(letters, classes)
    samples = features.RATE // FRAMES
    audio = np.pad(utterance.audio, (0, samples * len(path)))[:samples * len(path)]
    power = (audio.reshape(-1, samples) ** 2).mean(1)
    sounds = np.flatnonzero(power > power.max() * QUIET)
    starts, at = [], 0
    for word, _ in utterance.words:
        own = [i for i, place in enumerate(places) if at <= place < at + len(word) and classes[i] != tokens.CLASS[" "]]
        at += len(word) + 1
        frames = np.flatnonzero(path == own[0]) if own else []
        later = sounds[sounds >= frames[0]] if len(frames) else []
        starts.append(later[0] / FRAMES if len(later) else np.nan)
    return starts


def by_whisper(recogniser: judge.Recogniser, utterance: Utterance) -> list[float]:
    """The start of each word by the recogniser; nan for one that it heard otherwise."""
    heard = resample_poly(utterance.audio, 2, 3).astype(np.float32)
    segments, _ = recogniser.model.transcribe(heard, language="en", beam_size=5, word_timestamps=True,
                                              condition_on_previous_text=False)
    theirs = [w for s in segments for w in s.words]
    ours = [" ".join(judge.words(word)) for word, _ in utterance.words]
    starts = [np.nan] * len(ours)
    for a, b, size in SequenceMatcher(None, ours, [" ".join(judge.words(w.word)) for w in theirs], False).get_matching_blocks():
        for i in range(size):
            starts[a + i] = theirs[b + i].start
    return starts


def row(label: str, ours: list[float], theirs: list[float]):
    apart = 1000 * (np.array(ours) - np.array(theirs))
    apart = apart[~np.isnan(apart)]
    away = np.abs(apart)
    print(f"| {label} | {len(away)} | {np.median(away):.0f} | {np.quantile(away, 0.95):.0f} | {away.max():.0f} "
          f"| {np.median(apart):+.0f} | {100 * (away <= 100).mean():.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--voices", nargs="+", default=["en_male", "ru_male"])
    parser.add_argument("--sentences", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0, help="of each stage; 1 on a machine that others use")
    args = parser.parse_args()
    torch.set_num_threads(1)
    Gst.init(None)
    codec = tokens.load_codec()
    print("| word starts | words | median, ms | 95 %, ms | largest, ms | median with sign, ms | within 100 ms, % |\n"
          "|---|---|---|---|---|---|---|")
    for voice in args.voices:
        texts = workdir.read_sentences(f"{voice[:2]}_medium")[:args.sentences]
        said = speak(args.model.resolve(), voice, texts, args.threads)
        given = [start for u in said for _, start in u.words]
        reference = [start for u in said for start in by_tokens(codec, u)]
        row(f"{voice}, against the tokens' alignment", given, reference)
        inner = [i for u, begin in zip(said, np.cumsum([0] + [len(u.words) for u in said])) for i in
                 range(begin + 1, begin + len(u.words))]
        row(f"{voice}, the same, but for each sentence's first word", [given[i] for i in inner], [reference[i] for i in inner])
        if voice.startswith("en"):
            recogniser = judge.Recogniser()
            heard = [start for u in said for start in by_whisper(recogniser, u)]
            row(f"{voice}, against Whisper", given, heard)
            row(f"{voice}, Whisper against the alignment", heard, reference)
        workdir.save_json(workdir.path("word_times", f"{voice}.json"),
                          [{"words": u.words, "reference": by_tokens(codec, u)} for u in said])


if __name__ == "__main__":
    main()
