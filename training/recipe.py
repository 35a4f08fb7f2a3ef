"""The whole recipe in one command, two jobs at a time; run it again after any interruption and it goes on.

    python recipe.py                    everything
    python recipe.py --jobs 1 --hours 2 one job at a time, stop (with checkpoints) after two hours
    python recipe.py --only flow lm     these jobs and nothing else

Each job logs to log/<job>.log in the work directory; `python status.py` shows where they are.
"""
import argparse
import os
import signal
import subprocess
import sys
import time

import workdir

UNFINISHED = 75             # exit status of what was stopped before its end, see trainer.py

# job: (jobs it waits for, command), in order of priority
JOBS = {
    "corpus": ((), "corpus.py"),
    "tokenizer": (("corpus",), "text_tokenizer.py"),
    "speech_ru": (("corpus",), "teachers.py ru --hours {hours_of_speech}"),
    "speech_en": (("corpus",), "teachers.py en --hours {hours_of_speech}"),
    "begin": (("tokenizer",), "begin_with.py ../models/demo"),
    "tokens": (("speech_en", "speech_ru"), "tokens.py train --device {device}"),
    "f0": (("speech_en", "speech_ru", "begin"), "train_vocoder.py f0 --device {device}"),
    "encode": (("tokens",), "tokens.py encode"),
    "lm": (("encode", "begin"), "train_lm.py train --device {device}"),
    "flow": (("encode", "begin"), "train_flow.py train --device {device}"),
    "vocoder": (("speech_en", "speech_ru", "begin"), "train_vocoder.py audio --device {device}"),
    "rates": (("corpus",), "speaker.py make"),
    "speaker": (("rates", "begin"), "speaker.py train --device {device}"),
    "prompts": (("lm",), "prompts.py"),
    "front_end": (("tokens", "speaker"), "front_end.py"),
    "export": (("prompts", "flow", "vocoder", "f0", "front_end"), "export.py"),
}


def run(args):
    finished = {n for n in JOBS if workdir.path("done", n).exists()}
    asked = args.only or list(JOBS)
    wanted = [n for n in JOBS if n in asked and n not in finished]
    running: dict[str, subprocess.Popen] = {}
    ends = time.time() + args.hours * 3600

    def ready(name):
        return all(d in finished or d not in asked for d in JOBS[name][0])

    try:
        while wanted or running:
            for name in [n for n in wanted if ready(n)][:max(0, args.jobs - len(running))]:
                wanted.remove(name)
                command = JOBS[name][1].format(device=args.device, hours_of_speech=args.hours_of_speech).split()
                with workdir.path("log", f"{name}.log").open("a") as log:
                    # two jobs on two cores: one thread each
                    running[name] = subprocess.Popen(
                        [sys.executable, "-u", *command], cwd=workdir.HERE, stdout=log, stderr=log,
                        env={**os.environ, "OMP_NUM_THREADS": "1"}, preexec_fn=lambda: os.nice(19))
                print(f"{time.strftime('%H:%M')} {name} begun", flush=True)
            if not running:
                raise SystemExit(f"nothing can run: {', '.join(wanted)} wait for jobs that are not done")
            time.sleep(2)
            for name, process in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    if process.returncode:
                        raise SystemExit(f"{name} failed ({process.returncode}), see {workdir.path('log', name)}.log")
                    workdir.path("done", name).touch()
                    finished.add(name)
                    print(f"{time.strftime('%H:%M')} {name} done", flush=True)
            if time.time() > ends:
                print("time is up; run the same command again to go on")
                raise SystemExit(UNFINISHED)
    finally:
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        for process in running.values():
            process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--hours", type=float, default=1e6)
    parser.add_argument("--hours-of-speech", type=float, default=15, help="a language")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", choices=list(JOBS))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(UNFINISHED))
    run(parser.parse_args())
