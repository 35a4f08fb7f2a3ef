"""Judges the speech of a model directory. Everything is spoken by the plugin, through gst-launch-1.0.

    python evaluate.py MODEL_DIR [--out REPORT_DIR] [--flow-plan windows] [--voices ru_male en_male]

For every voice: word error rate of a recogniser (English), mel-cepstral distortion, retrieval and minimal pairs against
the teacher's renderings, DNSMOS, natural stops, length, clicks, voice identity, numbers and abbreviations read out; then
real-time factor, first audio and memory. The same numbers for the teacher itself (the ceiling) and, with --resynthesis,
for the checkpoints of the work directory given true tokens (which leaves out the language model). Prints a table, writes
it as REPORT_DIR/report.json, with a page of spectrograms in spectrograms.png.

Needs the plugin on GST_PLUGIN_PATH and ONNX Runtime where the plugin finds it (`eval "$(pipelines/env.sh)"`).
"""
import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch

import features
import judge
import workdir
from ceilings import resynthesis, teacher_reading, teacher_speech, written
from measures import LENGTH_TOLERANCE, cepstra, click, distortion, largest_step, minimal_pairs, retrieval, timbre
from plugin import RATE, Plugin, Spoken
from teachers import ALL_SPEAKERS, SPEAKERS

FIVE_WORDS = {"en_male": ("Hello, this is a test.", "The train is leaving now."),
              "ru_male": ("Следующая станция через пять минут.", "Сегодня утром была хорошая погода.")}
SHOWN = {"wer": "word error rate, %", "mcd": "mel-cepstral distortion, dB", "mcd_other_voice": "the other voice's, dB",
         "retrieved": "retrieved", "pairs_right": "minimal pairs right", "ovrl": "DNSMOS overall", "sig": "DNSMOS signal",
         "p808": "DNSMOS P.808", "cut": "did not stop by itself", "length_median": "length, of the teacher's",
         "length_off": "length off by over 25 %", "clicks": "with a click beyond the teacher's",
         "steps": "with a step of samples beyond the teacher's", "peak": "peak",
         "not_numbers": "samples that are no numbers", "own_voice": "nearest to its own voice",
         "read_out": "numbers read out at length", "read_wer": "their word error rate, %", "rtf": "real-time factor, loading included"}


def count(kinds: tuple, language: str) -> int:
    return sum(len(workdir.read_sentences(f"{language}_{kind}")) for kind in kinds)


def measure(voice: str, audios: list[np.ndarray], recogniser, centroids: dict) -> dict:
    """All numbers of one speaker's renderings of the held-out sentences."""
    language = voice[:2]
    texts, teacher = workdir.held_out(language), teacher_speech(voice)
    short, listed = count(("words",), language), count(("words", "medium", "long"), language)
    ours, theirs = [cepstra(a) for a in audios], [cepstra(a) for a in teacher]
    result = {}
    if language == "en":
        heard = [(t, recogniser.transcribe(a)) for t, a in zip(texts[short:listed], audios[short:listed])]
        result |= {"wer": judge.word_error_rate(heard), "heard": heard}
    result["mcd"] = float(np.mean([distortion(a, b) for a, b in zip(ours[:listed], theirs[:listed])]))
    result["retrieved"] = f"{retrieval(ours, theirs, listed)}/{listed}"
    result["pairs_right"] = "{}/{}".format(*minimal_pairs(ours, theirs, listed))
    scores = [judge.dnsmos(a) for a in audios[short:listed:3]]
    result |= {k: float(np.mean([s[k] for s in scores])) for k in scores[0]}
    ratio = np.array([len(a) / len(b) for a, b in zip(audios, teacher)])
    result["length_median"] = float(np.median(ratio))
    result["length_off"] = f"{(np.abs(ratio - 1) > LENGTH_TOLERANCE).sum()}/{len(texts)}"
    for name, of in (("clicks", click), ("steps", largest_step)):
        limit = max(of(a) for a in teacher)
        result[name] = f"{sum(of(a) > limit for a in audios)}/{len(texts)}"
    result["peak"] = float(max(np.abs(a).max() for a in audios))
    result["not_numbers"] = int(sum(np.isnan(a).sum() for a in audios))
    nearest = [min(centroids, key=lambda v: np.linalg.norm(timbre(a) - centroids[v])) for a in audios[short:listed]]
    result["own_voice"] = f"{sum(v == voice for v in nearest)}/{len(nearest)}"
    return result


def reading(voice: str, audios: list[np.ndarray], recogniser) -> dict:
    """Are numbers, times and abbreviations spoken, as long as the teacher speaks them in words?"""
    teacher = teacher_reading(voice)
    fits = [abs(len(a) / len(b) - 1) <= LENGTH_TOLERANCE for a, b in zip(audios, teacher)]
    result = {"read_out": f"{sum(fits)}/{len(fits)}"}
    if voice.startswith("en"):
        heard = [(h, recogniser.transcribe(a)) for (_, h), a in zip(written("en"), audios)]
        result |= {"read_wer": judge.word_error_rate(heard), "read_heard": heard}
    return result


def model_numbers(plugin: Plugin, voice: str, recogniser, centroids) -> tuple[dict, list[Spoken]]:
    texts = workdir.held_out(voice[:2])
    to_read = [text for text, _ in written(voice[:2])]
    spoken, cut = plugin.speak(voice, texts + to_read)
    audios = [s.audio for s in spoken]
    result = measure(voice, audios[:len(texts)], recogniser, centroids)
    result |= reading(voice, audios[len(texts):], recogniser)
    result["cut"] = f"{cut}/{len(spoken)}"
    result["rtf"] = plugin.elapsed * RATE / sum(map(len, audios))
    return result, spoken


def teacher_numbers(voice: str, recogniser, centroids) -> dict:
    teacher = teacher_speech(voice)
    result = measure(voice, teacher, recogniser, centroids) | reading(voice, teacher_reading(voice), recogniser)
    # the same engine with another voice: what is left when only the speaker differs
    for other in set(SPEAKERS[voice[:2]]) - {voice}:
        pairs = zip(teacher, teacher_speech(other))
        result["mcd_other_voice"] = float(np.mean([distortion(cepstra(a), cepstra(b)) for a, b in pairs]))
    return result


def picture(file: Path, rows: list[tuple[str, np.ndarray, np.ndarray]]):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(rows), 2, figsize=(11, 1.7 * len(rows)), squeeze=False)
    for (title, ours, theirs), (left, right) in zip(rows, axes):
        for axis, audio, who in ((left, ours, "model"), (right, theirs, "teacher")):
            logmel = features.mel(torch.from_numpy(audio)).numpy().T
            axis.imshow(logmel, origin="lower", aspect="auto", vmin=-9, vmax=1, extent=(0, len(audio) / RATE, 0, 80))
            axis.set_title(f"{who}: {title}"[:75], fontsize=7)
            axis.set_yticks([])
    figure.tight_layout()
    figure.savefig(file, dpi=60)


def table(report: dict):
    """A table in Markdown, a row for each number."""
    columns = [(voice, who) for voice in report for who in report[voice]]
    print("| |" + "".join(f" {voice}, {who} |" for voice, who in columns))
    print("|---|" + "---:|" * len(columns))
    for key, label in SHOWN.items():
        cells = [report[voice][who].get(key, "") for voice, who in columns]
        if any(c != "" for c in cells):
            print(f"| {label} |" + "".join(f" {c:.2f} |" if isinstance(c, float) else f" {c} |" for c in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, default=workdir.root() / "evaluation" / "report")
    parser.add_argument("--voices", nargs="+", choices=ALL_SPEAKERS, default=ALL_SPEAKERS)
    parser.add_argument("--flow-plan", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of each stage; 1 on a machine that others use")
    parser.add_argument("--resynthesis", action="store_true", help="judge the checkpoints given true tokens, too")
    parser.add_argument("--no-teacher", action="store_true", help="leave out the teacher's own numbers")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    plugin = Plugin(args.model.resolve(), args.out / "speech",
                    [f"flow-plan={args.flow_plan}", f"threads={args.threads}", "prefix-cache=off"])
    recogniser = judge.Recogniser()
    short, listed = count(("words",), "en"), count(("words", "medium", "long"), "en")
    centroids = {v: np.mean([timbre(a) for a in teacher_speech(v)[short:listed]], axis=0) for v in ALL_SPEAKERS}
    report, pages = {}, []
    for voice in args.voices:
        numbers, spoken = model_numbers(plugin, voice, recogniser, centroids)
        report[voice] = {"model": numbers}
        print(f"{voice}: {json.dumps({k: v for k, v in numbers.items() if 'heard' not in k})}", flush=True)
        if args.resynthesis:
            again = resynthesis(voice, teacher_speech(voice))
            report[voice]["resynthesis"] = measure(voice, again, recogniser, centroids)
        if not args.no_teacher:
            report[voice]["teacher"] = teacher_numbers(voice, recogniser, centroids)
        pages += [(f"{voice}: {workdir.held_out(voice[:2])[i]}", spoken[i].audio, teacher_speech(voice)[i])
                  for i in (0, 20, 45)]
        (args.out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1))
    table(report)
    picture(args.out / "spectrograms.png", pages)
    first = [plugin.one(voice, text).first_audio for voice, texts in FIVE_WORDS.items() for text in texts]
    print(f"first audio of a sentence of 5 words, model loaded: {max(first):.2f} s (the slowest of {len(first)}); "
          f"peak memory {plugin.peak_memory:.0f} MB; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
