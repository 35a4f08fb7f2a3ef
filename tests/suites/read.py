#!/usr/bin/env python3
"""Reads public test suites of text normalisers with `cosyvoice3 text`, and prints how many lines come out as they should.

    eval "$(./pipelines/env.sh)"
    ./tests/suites/read.py ru --reading-first ~/NeMo-text-processing/tests/nemo_text_processing/ru/data_text_normalization
    ./tests/suites/read.py en DIR... [--show 20] [--at-least 93]

It fetches nothing. A suite is a file, or a folder whose *.txt, *.tsv and *.csv files and files without an ending are read, with a pair a line: what is written and how it is read, with
`~` (NeMo), ` => ` (WeTextProcessing), a tab or ` | ` between them; a third column and more are further right readings, and so
are those of other lines with the same text. Lines without a pair are left out and counted. NeMo's Russian files have the
reading first: `--reading-first`.

Two shares are printed: of the lines that are read exactly as the suite asks, and of those that are right for a listener. The
first comparison is tolerant, as ../fixtures/README.md says: case, punctuation, ё and е, hyphens, stress marks, "одна тысяча"
or "тысяча", "целых и" or "целых", "целая и" or "целая", English "and", "oh" or "zero", letters joined or apart do not count.
Lines that differ all the same were judged one by one: verdicts.tsv beside this script says of each how it was read
then, whether that is right, and why. A verdict counts as long as the line is read so; a line without one counts as wrong and
is printed, to be judged.
"""

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SEPARATORS = ("\t", "~", " => ", " | ")
# The endings that files of pairs have: a suite lies among scripts and packages, which are no suites.
ENDINGS = ("", ".txt", ".tsv", ".csv")
VERDICTS = Path(__file__).with_name("verdicts.tsv")
SAME = (
    ("однатысяча", "тысяча"),
    ("однойтысячи", "тысячи"),
    ("однутысячу", "тысячу"),
    ("целыхи", "целых"),
    ("целаяи", "целая"),
)


@dataclass
class Tally:
    """Numbers of lines."""

    lines: int = 0
    exact: int = 0
    right: int = 0

    def add(self, other):
        self.lines += other.lines
        self.exact += other.exact
        self.right += other.right

    def share(self):
        """The share of lines that are right for a listener, in percent."""
        return 100 * self.right / self.lines

    def __str__(self):
        exact = 100 * self.exact / self.lines
        return f"{exact:6.1f} % exact {self.share():6.1f} % right {self.lines:6} lines"


def comparable(text: str) -> str:
    """`text` without what two natural readings may differ in."""
    text = text.lower().replace("ё", "е").replace("\u0301", "")
    words = re.sub(r"[\W_]+", " ", text).split()
    joined = "".join("zero" if word == "oh" else word for word in words if word != "and")
    for long, short in SAME:
        joined = joined.replace(long, short)
    return joined


def pairs(path: Path, reading_first: bool):
    """Each text of a file with its right readings, and the number of lines that are no pair."""
    found, others = {}, 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        separator = next((s for s in SEPARATORS if s in line), None)
        columns = [column.strip() for column in line.split(separator)] if separator else []
        if len(columns) < 2 or not columns[0] or not columns[1]:
            others += 1
        elif reading_first:
            found.setdefault(columns[1], []).append(columns[0])
        else:
            found.setdefault(columns[0], []).extend(columns[1:])
    return found, others


def verdicts(language: str):
    """By text and reading: True where a listener hears it right."""
    judged = {}
    for line in VERDICTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            of, written, said, verdict, _ = line.split("\t")
            if of == language:
                judged[written, comparable(said)] = verdict == "right"
    return judged


def read(lines, language):
    command = ["cosyvoice3", "text", "--language", language]
    if language == "zh":
        command += ["--text-reading", "written"]
    result = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True, check=True)
    got = result.stdout.splitlines()
    if len(got) != len(lines):
        sys.exit(f"{len(lines)} lines were read as {len(got)}")
    return got


def judge(found, got, judged, show):
    """The tally of a file, and what to print of the first `show` lines that differ and of all without a verdict."""
    tally, differing, notes = Tally(), 0, []
    for (written, readings), said in zip(found.items(), got):
        exact = comparable(said) in map(comparable, readings)
        verdict = judged.get((written, comparable(said)))
        tally.add(Tally(1, exact, exact or verdict is True))
        if exact:
            continue
        differing += 1
        if differing <= show or verdict is None:
            name = {True: "right", False: "wrong", None: "not judged"}[verdict]
            notes.append(f"          {written}\n            want {readings[0]}\n            got  {said} ({name})")
    return tally, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", choices=("ru", "en", "zh"))
    parser.add_argument("suites", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N lines that differ, of each file")
    parser.add_argument("--reading-first", action="store_true", help="the files have the reading before what is written")
    parser.add_argument("--at-least", type=float, metavar="SHARE", help="fail if fewer percent of all lines are right")
    args = parser.parse_args()
    judged = verdicts(args.language)
    everything = Tally()
    for suite in args.suites:
        files = sorted(f for f in suite.rglob("*") if f.is_file() and f.suffix.lower() in ENDINGS) if suite.is_dir() else [suite]
        whole = Tally()
        for file in files:
            found, others = pairs(file, args.reading_first)
            if not found:
                continue
            tally, notes = judge(found, read(list(found), args.language), judged, args.show)
            whole.add(tally)
            print(f"{tally}  {file.name}" + (f", {others} lines without a pair" if others else ""))
            print("".join(f"{note}\n" for note in notes), end="")
        if not whole.lines:
            sys.exit(f"{suite}: no pairs found; see --help for the forms that are read")
        print(f"{whole}  {suite}: all")
        everything.add(whole)
    print(f"{everything}  all suites")
    if args.at_least is not None and everything.share() < args.at_least:
        sys.exit(f"{everything.share():.1f} % of the lines are right, fewer than {args.at_least} %")


if __name__ == "__main__":
    main()
