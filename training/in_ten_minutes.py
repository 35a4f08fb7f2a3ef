"""The recipe against the clock, for one GPU and 16 cores: teachers, tokens and all trainings side by side.

    python corpus.py && python text_tokenizer.py && python begin_with.py ../models/demo
    python in_ten_minutes.py --minutes 9.5 KEPT

Ends after that many minutes with the averaged weights of every network in KEPT/*.npz and the logs in KEPT/log. Copied to
start/ in the work directory these weights are what export.py, synthesis.py and every further training begin with.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import trainer
import workdir
from teachers import ALL_SPEAKERS

TOKENS_MINUTES, F0_MINUTES = 1.5, 0.8
MANY = 8                                        # shards of each speaker
KEEP_MINUTES = 0.35                             # for writing the results
NETWORKS = "tokens", "f0", "vocoder", "flow", "lm"


class Clock:
    def __init__(self, minutes: float):
        self.began, self.minutes = time.time(), minutes

    def left(self) -> float:
        return self.minutes - (time.time() - self.began) / 60

    def say(self, text: str):
        print(f"[{time.time() - self.began:5.0f} s] {text}", flush=True)


class Jobs:
    def __init__(self, clock: Clock):
        self.clock, self.running = clock, {}

    def start(self, name: str, command: str, nice: int = 0):
        log = workdir.path("log", f"{name}.log").open("a")
        self.running[name] = subprocess.Popen([sys.executable, "-u", *command.split()], cwd=workdir.HERE, stdout=log,
                                              stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"},
                                              preexec_fn=lambda: os.nice(nice))
        self.clock.say(f"{name} begun")

    def until(self, ready):
        """Waits for it; what fails meanwhile ends everything."""
        while not ready():
            for name, process in list(self.running.items()):
                if process.poll() is not None:
                    del self.running[name]
                    self.clock.say(f"{name} ended ({process.returncode})")
                    if process.returncode:
                        log = workdir.path("log", f"{name}.log").read_text()
                        raise SystemExit(f"{name} failed:\n{log[-3000:]}")
            time.sleep(0.5)

    def ended(self, *names: str) -> bool:
        return not any(n in self.running for n in names)

    def kill(self):
        for process in self.running.values():
            process.terminate()


def shards(suffix: str) -> int:
    """Of the speaker who has the fewest."""
    return min(len(list(workdir.path("speech", s, "x").parent.glob(f"*{suffix}"))) for s in ALL_SPEAKERS)


def train(clock: Clock, jobs: Jobs, device: str, scale: float, workers: int, voices: int):
    def network(name: str, script: str, minutes: float, options: str, times: float = 1):
        jobs.start(name, f"{script} --device {device} --workers {workers} --scale {times * scale} --steps 10000000 "
                         f"--finish {minutes:.3f} {options}")

    jobs.start("speech_en", f"teachers.py en --hours 30 --jobs {voices}", nice=10)
    jobs.start("speech_ru", f"teachers.py ru --hours 35 --jobs {voices} --f0-shards {2 * voices}", nice=10)
    jobs.until(lambda: shards(".json") >= min(3, voices))
    network("f0", "train_vocoder.py f0", F0_MINUTES, "--cool 0.6")
    network("tokens", "tokens.py train", TOKENS_MINUTES, "--cool 0.6")
    network("vocoder", "train_vocoder.py audio", clock.left() - KEEP_MINUTES, "--cool 0.5 --adversarial 0.55 --lr 5e-4", 0.5)
    jobs.until(lambda: jobs.ended("tokens"))
    jobs.start("encode", f"tokens.py encode --jobs {voices}", nice=5)
    jobs.until(lambda: shards(".align.npy") >= min(2, voices))
    network("flow", "train_flow.py train", clock.left() - KEEP_MINUTES, "--cool 0.5")
    # a language model learns few hours by heart, then has to forget them
    jobs.until(lambda: shards(".align.npy") >= min(MANY, voices))
    network("lm", "train_lm.py train", clock.left() - KEEP_MINUTES, "--cool 0.6 --dropout 0.05 --judge")
    while not jobs.ended("lm", "flow", "vocoder"):
        jobs.until(lambda: jobs.ended("encode") or jobs.ended("lm", "flow", "vocoder"))
        if clock.left() > 1.5:
            jobs.start("encode", f"tokens.py encode --jobs {voices}", nice=5)
        else:
            jobs.until(lambda: jobs.ended("lm", "flow", "vocoder"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--minutes", type=float, default=9.5)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--scale", type=float, default=16, help="how many times the usual batch")
    parser.add_argument("--workers", type=int, default=3, help="processes a network that make its batches")
    parser.add_argument("--voices", type=int, default=7, help="processes a language that speak")
    arguments = parser.parse_args()
    clock = Clock(arguments.minutes)
    jobs = Jobs(clock)
    try:
        train(clock, jobs, arguments.device, arguments.scale, arguments.workers, arguments.voices)
    finally:
        jobs.kill()
        shutil.copytree(workdir.path("log", "x").parent, arguments.kept / "log", dirs_exist_ok=True)
        trainer.keep_start([n for n in (*NETWORKS, "vocoder-spectral") if workdir.path("checkpoints", f"{n}.pt").exists()],
                           arguments.kept)
        clock.say(f"{shards('.json')} shards of speech of each speaker, {shards('.align.npy')} with tokens")
