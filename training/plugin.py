"""Speech of the plugin: lists of texts through gst-launch-1.0, one process a list, and what its messages say of each.

Needs the plugin on GST_PLUGIN_PATH and ONNX Runtime where the plugin finds it (`eval "$(pipelines/env.sh)"`).
"""
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

RATE = 24_000
FINISHED = re.compile(rb"cosyvoice3/utterance-finished, (.*);\s*$", re.M)
FIELD = re.compile(rb'([a-z-]+)=\(\w+\)("(?:[^"\\]|\\.)*"|(?:[^,;\\]|\\.)*)')
CUT = re.compile(rb"the speech of (.*?) was cut", re.S)


@dataclass
class Spoken:
    """One text: samples, and sums over its sentences."""
    audio: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    tokens: int = 0
    first_audio: float = 0.0    # seconds from the request, or from the loaded model, to the last sentence's speech


def unquoted(value: bytes) -> str:
    """A string as GStreamer prints it in a structure."""
    value = value.removeprefix(b'"').removesuffix(b'"')
    value = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), value)
    return re.sub(rb"\\(.)", rb"\1", value).decode()


def letters(text: str) -> str:
    return "".join(text.split())


class Plugin:
    """`properties` of cosyvoice3src as gst-launch takes them."""

    def __init__(self, model: Path, out: Path, properties: list[str]):
        self.out = out
        self.element = ["cosyvoice3src", f"model-path={model}", "seed=0", *properties]
        self.peak_memory = 0.0          # MB
        self.elapsed = 0.0              # seconds of the last process, loading included

    def speak(self, voice: str, texts: list[str]) -> tuple[list[Spoken], int]:
        """The outcome of each text, and the number of sentences that did not end by themselves."""
        if any("\n" in t for t in texts):
            raise SystemExit("a text is a line")
        self.out.mkdir(parents=True, exist_ok=True)
        lines, raw, log = (self.out / f"{voice}.{suffix}" for suffix in ("txt", "f32", "log"))
        lines.write_text("".join(t + "\n" for t in texts))
        self.launch(log, "filesrc", f"location={lines}", "!", *self.element, f"voice={voice}", "!", "filesink",
                    f"location={raw}")
        return self.sorted_out(texts, np.fromfile(raw, np.float32), log.read_bytes())

    def one(self, voice: str, text: str) -> Spoken:
        """A text in a process of its own, alone on the machine's cores."""
        self.out.mkdir(parents=True, exist_ok=True)
        raw, log = self.out / "one.f32", self.out / "one.log"
        self.launch(log, *self.element, f"voice={voice}", f"text={text}", "!", "filesink", f"location={raw}")
        return self.sorted_out([text], np.fromfile(raw, np.float32), log.read_bytes())[0][0]

    def launch(self, log: Path, *pipeline: str):
        started = time.monotonic()
        command = ["gst-launch-1.0", "-m", "--no-position", *pipeline]
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        streams = [(os.POSIX_SPAWN_DUP2, handle, 1), (os.POSIX_SPAWN_DUP2, handle, 2)]
        child = os.posix_spawnp(command[0], command, os.environ, file_actions=streams)
        os.close(handle)
        # ru_maxrss would count what this process held when it spawned the other
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            held = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child}/status").read_text())
            if held:
                self.peak_memory = max(self.peak_memory, int(held[1]) / 1024)
            time.sleep(0.02)
        self.elapsed = time.monotonic() - started
        if ended[1]:
            raise SystemExit(f"gst-launch-1.0 failed, see {log}")

    def sorted_out(self, texts: list[str], audio: np.ndarray, log: bytes) -> tuple[list[Spoken], int]:
        """Sentences of the log brought back to their texts."""
        spoken, place, sample = [Spoken() for _ in texts], 0, 0
        rest = letters(texts[0])
        for message in FINISHED.findall(log):
            fields = dict(FIELD.findall(message))
            sentence = letters(unquoted(fields[b"text"]))
            if not rest:
                place += 1
                rest = letters(texts[place])
            if not rest.startswith(sentence):
                raise SystemExit(f"the plugin said {sentence!r} where {rest!r} was to be said")
            rest = rest.removeprefix(sentence)
            n = round(int(fields[b"duration"]) * RATE / 1e9)
            s = spoken[place]
            s.audio = np.concatenate([s.audio, audio[sample:sample + n]])
            sample += n
            s.tokens += int(fields[b"tokens"])
            s.first_audio = float(fields[b"first-audio"])
        if place != len(texts) - 1 or rest or sample != len(audio):
            raise SystemExit(f"the plugin said {place + 1} of {len(texts)} texts, {sample} of {len(audio)} samples")
        return spoken, len(set(CUT.findall(log)))
