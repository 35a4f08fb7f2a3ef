#!/usr/bin/env bash
# One would guess: _tile_loadconfig(&config) reads all 64 bytes of a tile configuration, so what was stored there is there.
# Seen: with GCC 12 and optimisation, stores to bytes 8 to 63 of a local configuration are dropped. Its amxtileintrin.h
# declares the operand of the inline assembly as one pointer (8 bytes), so the compiler sees no reader of the others.
# The processor then finds old stack contents, and refuses the instruction. llama.cpp fills its configuration in a
# local variable (ggml-cpu/amx/mmq.cpp): built by GCC 12 with -march=native on a CPU with AMX, every
# program ends in SIGSEGV at its first product of quantised matrices. clang keeps the stores.
# Versions: GCC 12.2.0 (Debian 12), llama-cpp-sys-2 0.1.161; clang 19 in ziglang 0.14.1 does it right.
# Date: 2026-11-30. Source: found here; the header is lib/gcc/x86_64-linux-gnu/12/include/amxtileintrin.h.
# Only compiles: nothing is run, so no CPU with AMX is needed.
set -euo pipefail
gcc=$(command -v gcc-12 || true)
if [ -z "$gcc" ] && [ "$(gcc -dumpversion 2>/dev/null | cut -d. -f1)" = 12 ]; then gcc=$(command -v gcc); fi
[ -n "$gcc" ] && [ "$(uname -m)" = x86_64 ] && command -v python3 >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$work/site" ziglang==0.14.1 || exit 77

cat >"$work/tile.c" <<'C'
#include <immintrin.h>
struct tiles {
    unsigned char palette, start_row, reserved[14];
    unsigned short colsb[16];
    unsigned char rows[16];
};
void configure(void) {
    _Alignas(64) struct tiles t = {0};
    t.palette = 1;
    t.colsb[0] = 48; /* a value that stands out in the assembly */
    t.rows[0] = 13;
    _tile_loadconfig(&t);
}
C
"$gcc" --version | head -n 1
"$gcc" -O2 -mamx-tile -S -o "$work/gcc.s" "$work/tile.c"
PYTHONPATH=$work/site python3 -m ziglang cc --version | head -n 1
PYTHONPATH=$work/site python3 -m ziglang cc -target x86_64-linux-gnu -O2 -mamx-tile -S -o "$work/clang.s" "$work/tile.c"
stores() { grep -cE '\$(48|13),' "$1" || true; }
echo "stores of the columns and rows: gcc $(stores "$work/gcc.s"), clang $(stores "$work/clang.s")"
[ "$(stores "$work/gcc.s")" = 0 ]
[ "$(stores "$work/clang.s")" != 0 ]
