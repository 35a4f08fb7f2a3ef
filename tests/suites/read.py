#!/usr/bin/env python3
"""Reads public test suites of text normalisers with `cosyvoice3 text`, and prints how many lines come out as they should.

    eval "$(./pipelines/env.sh)"
    ./tests/suites/read.py ru ~/NeMo-text-processing/tests/nemo_text_processing/ru/data_text_normalization
    ./tests/suites/read.py en DIR... [--show 20] [--text-reading written]

It fetches nothing. A suite is a file, or a folder whose *.txt, *.tsv and *.csv files and files without an ending are read, with a pair a line: what is written and how it is read, with
`~` (NeMo), ` => ` (WeTextProcessing), a tab or ` | ` between them; a third column and more are further right readings. Lines
without a pair are left out and counted. NeMo's Russian files have the reading first: `--reading-first`. The comparison is tolerant, as ../fixtures/README.md says: case, punctuation, ё and
е, hyphens, stress marks, "одна тысяча" or "тысяча", "целых и" or "целых", "целая и" or "целая", English "and", "oh" or "zero", letters joined or
apart do not count.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

SEPARATORS = ("\t", "~", " => ", " | ")
# The endings that files of pairs have: a suite lies among scripts and packages, which are no suites.
ENDINGS = ("", ".txt", ".tsv", ".csv")
SAME = (
    ("однатысяча", "тысяча"),
    ("однойтысячи", "тысячи"),
    ("однутысячу", "тысячу"),
    ("целыхи", "целых"),
    ("целаяи", "целая"),
)


def comparable(text: str) -> str:
    """`text` without what two natural readings may differ in."""
    text = text.lower().replace("ё", "е").replace("\u0301", "")
    words = re.sub(r"[\W_]+", " ", text).split()
    joined = "".join("zero" if word == "oh" else word for word in words if word != "and")
    for long, short in SAME:
        joined = joined.replace(long, short)
    return joined


def pairs(path: Path):
    """The pairs of a file, and the number of lines that are none."""
    found, others = [], 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        separator = next((s for s in SEPARATORS if s in line), None)
        columns = [column.strip() for column in line.split(separator)] if separator else []
        if len(columns) < 2 or not columns[0] or not columns[1]:
            others += 1
            continue
        found.append((columns[0], columns[1:]))
    return found, others


def read(lines, language, reading):
    command = ["cosyvoice3", "text", "--language", language]
    if reading:
        command += ["--text-reading", reading]
    result = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True, check=True)
    got = result.stdout.splitlines()
    if len(got) != len(lines):
        sys.exit(f"{len(lines)} lines were read as {len(got)}")
    return got


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", choices=("ru", "en", "zh"))
    parser.add_argument("suites", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N lines that differ, of each file")
    parser.add_argument("--reading-first", action="store_true", help="the files have the reading before what is written")
    parser.add_argument("--text-reading", choices=("model", "written"), help="for Chinese")
    args = parser.parse_args()
    for suite in args.suites:
        files = sorted(f for f in suite.rglob("*") if f.is_file() and f.suffix.lower() in ENDINGS) if suite.is_dir() else [suite]
        total = right = 0
        for file in files:
            found, others = pairs(file)
            if args.reading_first:
                found = [(columns[0], [reading]) for reading, columns in found]
            if not found:
                continue
            got = read([written for written, _ in found], args.language, args.text_reading)
            differ = [
                (written, readings[0], said)
                for (written, readings), said in zip(found, got)
                if comparable(said) not in map(comparable, readings)
            ]
            total += len(found)
            right += len(found) - len(differ)
            note = f", {others} lines without a pair" if others else ""
            print(f"{100 * (1 - len(differ) / len(found)):6.1f} %  {len(found):6} lines  {file.name}{note}")
            for written, wanted, said in differ[: args.show]:
                print(f"          {written}\n            want {wanted}\n            got  {said}")
        if total:
            print(f"{100 * right / total:6.1f} %  {total:6} lines  {suite}: all")
        else:
            sys.exit(f"{suite}: no pairs found; see --help for the forms that are read")


if __name__ == "__main__":
    main()
