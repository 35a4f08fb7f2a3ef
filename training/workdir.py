"""The files of training, each written as a whole or not at all."""
import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
SENTENCES = HERE / "sentences"


def root() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("COSYVOICE3_TRAINING_DIR") or Path(cache) / "cosyvoice3-training")


def path(*parts) -> Path:
    p = root().joinpath(*parts)
    p.parent.mkdir(parents=True, exist_ok=True)
    return p


def write_atomically(target: Path, write):
    """Call `write(temporary_path)`, then rename: a kill at any moment leaves the old file or the new one."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    write(temporary)
    os.replace(temporary, target)


def save_json(target: Path, value):
    write_atomically(target, lambda p: p.write_text(json.dumps(value, ensure_ascii=False)))


def load_json(source: Path):
    return json.loads(source.read_text())


def held_out(language: str) -> list[str]:
    """All evaluation sentences of a language; they never enter training."""
    lines = []
    for kind in ("words", "medium", "long"):
        lines += read_sentences(f"{language}_{kind}")
    for pair in read_sentences(f"{language}_pairs"):
        lines += pair.split("\t")
    return lines


def read_sentences(name: str) -> list[str]:
    file = SENTENCES / f"{name}.txt"
    return [line for line in file.read_text().splitlines() if line.strip()] if file.exists() else []
