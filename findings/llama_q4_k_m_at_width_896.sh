#!/usr/bin/env bash
# One would guess: Q4_K_M stores the matrices of a model in q4_K and some in q6_K, at about 4.9 bits a weight.
# Seen: of a model whose width is 896 (Qwen2 0.5B, and so CosyVoice3) not one matrix that is 896 wide gets a K type, because
# 896 is not a multiple of 256. llama.cpp takes q5_0 and q8_0 for them, with a warning that a program which sets no
# log callback may not see. Only ffn_down, 4864 wide, gets q4_K or q6_K. Here 23 matrices are q5_0 and 3 q8_0: 5.54 bits a weight.
# q4_0, which has blocks of 32, stays at 4.53, almost a fifth smaller.
# Versions: llama-cpp-sys-2 0.1.161 (llama.cpp of 2026), gguf 0.19.0. Date: 2026-11-30.
# Source: found here; llama.cpp, src/llama-quant.cpp, the fallback types.
# Compiles llama.cpp: some five minutes of two cores.
set -euo pipefail
for tool in cargo cmake clang python3; do command -v "$tool" >/dev/null || exit 77; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install --quiet --disable-pip-version-check --target site gguf==0.19.0 'numpy<3' || exit 77
export PYTHONPATH=$work/site
cat >write.py <<'P'
import gguf, numpy as np
w = gguf.GGUFWriter("in.gguf", "qwen2")
d, ff, layers, vocab, kv = 896, 4864, 4, 512, 128
w.add_block_count(layers); w.add_context_length(256); w.add_embedding_length(d); w.add_feed_forward_length(ff)
w.add_head_count(14); w.add_head_count_kv(2); w.add_layer_norm_rms_eps(1e-6); w.add_rope_freq_base(1e6)
w.add_vocab_size(vocab); w.add_tokenizer_model("none"); w.add_file_type(0)
r = np.random.default_rng(0)
def m(name, *shape): w.add_tensor(name, r.standard_normal(shape, dtype=np.float32) * 0.02)
def one(name, n): w.add_tensor(name, np.ones(n, np.float32))
m("token_embd.weight", vocab, d); m("output.weight", vocab, d); one("output_norm.weight", d)
for i in range(layers):
    b = f"blk.{i}."
    one(b + "attn_norm.weight", d); one(b + "ffn_norm.weight", d)
    m(b + "attn_q.weight", d, d); m(b + "attn_k.weight", kv, d); m(b + "attn_v.weight", kv, d); m(b + "attn_output.weight", d, d)
    one(b + "attn_q.bias", d); one(b + "attn_k.bias", kv); one(b + "attn_v.bias", kv)
    m(b + "ffn_gate.weight", ff, d); m(b + "ffn_up.weight", ff, d); m(b + "ffn_down.weight", d, ff)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
P
cat >read.py <<'P'
import gguf, sys
from collections import Counter
def types(file):
    wide, down, bits, weights = Counter(), Counter(), 0, 0
    for t in gguf.GGUFReader(file).tensors:
        if len(t.shape) == 2:
            (down if "ffn_down" in t.name else wide)[t.tensor_type.name] += 1
            bits += int(t.n_bytes) * 8; weights += int(t.n_elements)
    return wide, down, bits / weights
wide, down, bits = types("q4_k_m.gguf")
print("q4_k_m: rows of 896:", dict(wide), " rows of 4864:", dict(down), f" {bits:.2f} bits a weight")
_, _, small = types("q4_0.gguf")
print(f"q4_0:   {small:.2f} bits a weight")
ok = not any(t.endswith("_K") for t in wide) and all(t.endswith("_K") for t in down) and bits > 5.2 and small < bits
sys.exit(0 if ok else 1)
P
mkdir -p src
cat >Cargo.toml <<'T'
[package]
name = "quantise"
version = "0.0.0"
edition = "2021"
[dependencies]
llama-cpp-sys-2 = { version = "=0.1.161", default-features = false }
T
cat >src/main.rs <<'R'
use llama_cpp_sys_2 as sys;
use std::ffi::CString;
fn main() {
    unsafe { sys::llama_backend_init() };
    for (name, kind) in [("q4_k_m", sys::LLAMA_FTYPE_MOSTLY_Q4_K_M), ("q4_0", sys::LLAMA_FTYPE_MOSTLY_Q4_0)] {
        let output = CString::new(format!("{name}.gguf")).unwrap();
        let mut params = unsafe { sys::llama_model_quantize_default_params() };
        params.ftype = kind;
        assert_eq!(unsafe { sys::llama_model_quantize(c"in.gguf".as_ptr(), output.as_ptr(), &params) }, 0);
    }
}
R
python3 write.py
cargo run --release --quiet >log 2>&1 || { tail -20 log; exit 1; }
grep -c 'fallback quantization' log | sed 's/^/warnings of a fallback type: /' || true
python3 read.py
