"""The text tokenizer: byte-level BPE in the Qwen2 layout, with few merges.

    python text_tokenizer.py        writes tokenizer/{vocab.json, merges.txt, tokenizer_config.json}

Few merges keep text ids near letters, which a small model learns to read from little speech. As in the official
release, three special tokens follow the base vocabulary and 278 more follow at run time, in a fixed order.
"""
from collections import Counter
from functools import lru_cache

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

import corpus
import workdir

LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЭЮЯЁ«»–—…№’“”"
MERGES = 400                # after those that make letters
LONGEST = 4                 # characters of a merged token, a leading blank included
REGEX = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")
BASE_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
END_OF_PROMPT = "<|endofprompt|>"
ADDED = 278                 # special tokens the official tokenizer class adds at run time; the first is END_OF_PROMPT
SYSTEM = "You are a helpful assistant." + END_OF_PROMPT


def skeleton(model) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(REGEX), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def byte_symbols() -> dict[int, str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def learn_merges(counts: Counter) -> list[tuple[str, str]]:
    """First whole letters out of their bytes, then the most frequent pairs."""
    symbol = byte_symbols()
    spelled = {c: [symbol[b] for b in c.encode()] for c in {c for word in counts for c in word} | set(LETTERS)}
    merges = []
    for c in LETTERS:
        for i in range(1, len(spelled[c])):
            pair = "".join(spelled[c][:i]), spelled[c][i]
            if pair not in merges:
                merges.append(pair)
        spelled[c] = ["".join(spelled[c])]
    words = [([s for c in word for s in spelled[c]], n) for word, n in counts.items()]
    length = {"".join(s): 1 for s in spelled.values()}
    for _ in range(MERGES):
        pairs = Counter()
        for symbols, n in words:
            for pair in zip(symbols, symbols[1:]):
                if length.get(pair[0], 1) + length.get(pair[1], 1) <= LONGEST:
                    pairs[pair] += n
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        joined = "".join(best)
        length[joined] = length.get(best[0], 1) + length.get(best[1], 1)
        for symbols, _ in words:
            i = 0
            while i < len(symbols) - 1:
                if symbols[i] == best[0] and symbols[i + 1] == best[1]:
                    symbols[i:i + 2] = [joined]
                i += 1
    return merges


def build():
    folder = workdir.path("tokenizer", "x").parent
    splitter = pre_tokenizers.Split(Regex(REGEX), "isolated")
    counts = Counter()
    for language in ("en", "ru"):
        text = Counter(word for e in corpus.load(language) for word, _ in splitter.pre_tokenize_str(e["text"]))
        counts.update(dict(text.most_common(12_000)))
    merges = learn_merges(counts)
    symbols = [*byte_symbols().values(), *("".join(m) for m in merges)]
    vocabulary = {s: i for i, s in enumerate(dict.fromkeys(symbols))}
    workdir.save_json(folder / "vocab.json", vocabulary)
    lines = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
    workdir.write_atomically(folder / "merges.txt", lambda p: p.write_text(lines))
    special = {str(len(vocabulary) + i): {"content": t, "lstrip": False, "normalized": False, "rstrip": False,
                                          "single_word": False, "special": True} for i, t in enumerate(BASE_SPECIAL)}
    workdir.save_json(folder / "tokenizer_config.json", {
        "add_prefix_space": False, "added_tokens_decoder": special, "additional_special_tokens": BASE_SPECIAL[1:],
        "bos_token": None, "clean_up_tokenization_spaces": False, "eos_token": BASE_SPECIAL[0], "errors": "replace",
        "model_max_length": 32768, "pad_token": BASE_SPECIAL[0], "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})


@lru_cache(maxsize=1)
def load() -> Tokenizer:
    folder = workdir.path("tokenizer", "x").parent
    tokenizer = skeleton(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in [*BASE_SPECIAL, END_OF_PROMPT]])
    return tokenizer


def rows() -> int:
    """Rows of the text table: base, special and run-time tokens, rounded up."""
    needed = load().token_to_id(BASE_SPECIAL[0]) + len(BASE_SPECIAL) + ADDED
    return -(-needed // 64) * 64


@lru_cache(maxsize=200_000)
def encode(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token ids, and for each character of the text the index of its token."""
    encoding = load().encode(text, add_special_tokens=False)
    owner = [0] * len(text)
    for i, (start, end) in enumerate(encoding.offsets):
        for c in range(start, end):
            owner[c] = i
    return tuple(encoding.ids), tuple(owner)


if __name__ == "__main__":
    build()
    for text in (SYSTEM, "Hello, this is a test.", "Thirty-three thieves thrilled the throne throughout Thursday.",
                 "Внимание! Поезд до станции Тверь отправляется через пять минут.", "USB-камера online."):
        ids, _ = encode(text)
        print(len(text), len(ids), [load().decode([i]) for i in ids])
    for language in ("en", "ru"):
        sample = [e["text"] for e in corpus.load(language)[:2000]]
        print(language, sum(map(len, sample)) / sum(len(encode(t)[0]) for t in sample), "characters a token")
