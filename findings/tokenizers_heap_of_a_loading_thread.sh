#!/usr/bin/env bash
# One would guess: a tokenizer of 150,000 entries (Qwen2 and its kin) loads as fast on a worker thread as on the main one, and
# what its JSON parser needed goes back to the system when it is done.
# Seen: on a thread other than the main one glibc grows the heap page by page, with one mprotect each: some 18,000 system calls,
# where the main thread's heap grows by brk, 600 times. Each takes the lock of the whole address space, for which the other
# loading threads wait. On either thread half of the 90 MB that loading leaves is free memory which the process keeps;
# malloc_trim(0) gives it back. Loading is where it shows: a process that lives for months keeps the peak of its first second.
# Versions: tokenizers 0.23.3 (PyPI), glibc 2.36. Date: 2026-11-30. Source: found here, when a model's loading was measured.
set -euo pipefail
command -v python3 > /dev/null && command -v strace > /dev/null || exit 77
getconf GNU_LIBC_VERSION > /dev/null 2>&1 || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv" 2> /dev/null && "$dir/venv/bin/pip" install --quiet tokenizers==0.23.3 || exit 77
cat > "$dir/load.py" <<'P'
import ctypes
import json
import os
import random
import sys
import threading
import tokenizers

path, where = sys.argv[1:]
if not os.path.exists(path):
    random.seed(1)
    tokens = [chr(c) for c in range(33, 127)]
    known, merges = set(tokens), []
    while len(tokens) < 150_000:
        a, b = random.choice(tokens), random.choice(tokens)
        if len(a + b) <= 10 and a + b not in known:
            known.add(a + b)
            tokens.append(a + b)
            merges.append([a, b])
    model = dict(type="BPE", vocab={t: i for i, t in enumerate(tokens)}, merges=merges)
    with open(path, "w") as file:
        json.dump(dict(version="1.0", added_tokens=[], pre_tokenizer=dict(type="Whitespace"), model=model), file)
    sys.exit()

def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))

kept = []
before = anonymous()
if where == "main":
    kept.append(tokenizers.Tokenizer.from_file(path))
else:
    thread = threading.Thread(target=lambda: kept.append(tokenizers.Tokenizer.from_file(path)))
    thread.start()
    thread.join()
after = anonymous()
ctypes.CDLL(None).malloc_trim(0)
print(f"{after - before:.0f} {anonymous() - before:.0f}")
P
python=$dir/venv/bin/python
"$python" "$dir/load.py" "$dir/tokenizer.json" make
echo "tokenizers $("$python" -c 'import tokenizers; print(tokenizers.__version__)'), $(getconf GNU_LIBC_VERSION)," \
    "$(wc -c < "$dir/tokenizer.json") bytes of JSON"
for where in main thread; do
    strace -f -qq -e trace=mprotect,brk -o "$dir/$where" "$python" "$dir/load.py" "$dir/tokenizer.json" "$where" > "$dir/kept" ||
        exit 77
    read -r left trimmed < "$dir/kept"
    protects=$(grep -c 'mprotect(' "$dir/$where") brks=$(grep -c 'brk(' "$dir/$where")
    echo "loaded on the $([ $where = main ] && echo main thread || echo worker): mprotect $protects, brk $brks; MB of heap left by loading $left, after malloc_trim $trimmed"
    declare "calls_$where=$protects"
    [ $((left * 10)) -gt $((trimmed * 14)) ] || { echo "nothing much to give back: out of date"; exit 1; }
done
[ "$calls_thread" -gt $((20 * calls_main)) ] || { echo "the heap of a thread grows as fast as the main one: out of date"; exit 1; }
