#!/usr/bin/env bash
# One would guess: a prompt's logits do not depend on how it was cut into batches, but for rounding in the last digits, and flash
# attention computes the same in less memory.
# Seen: with the default (flash attention "auto", which is on here) they do, where one of the cuts leaves fewer than 64 tokens. For
# q4_0, whose products round activations to 8 bits, the logits of the same 128 tokens
# move by a tenth of their spread (standard deviation) when they come as 65 and 63, as 127 and 1 (a cached prefix and one new token), or in
# micro-batches of 32; as two times 64 they are the same to the bit. For f16 it is about a percent. Without
# flash attention q4_0 gives the same bits for every cut. One thread or two makes no difference.
# To compare logits, seeds or cached prefixes, switch it off or keep the cuts.
# Versions: llama-cpp-sys-2 0.1.161 (llama.cpp of 2026), gguf 0.19.0; x86-64, seen on a CPU with AVX-512. Date: 2026-11-30.
# Source: found here.
# Compiles llama.cpp: some five minutes of two cores (CARGO_TARGET_DIR keeps it).
set -euo pipefail
[ "$(uname -m)" = x86_64 ] && grep -qw avx512f /proc/cpuinfo || exit 77
for tool in cargo cmake clang python3; do command -v "$tool" > /dev/null || exit 77; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site gguf==0.19.0 'numpy<3' || exit 77
export PYTHONPATH=$work/site
# For this machine's CPU, but for AMX: gcc12_amx_tile_config.sh.
export RUSTFLAGS="-C target-cpu=native" CXXFLAGS_x86_64_unknown_linux_gnu="-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
export LLAMA_LIB_PROFILE=Release
mkdir src
cat > Cargo.toml <<'T'
[package]
name = "cuts"
version = "0.0.0"
edition = "2021"
[dependencies]
llama-cpp-sys-2 = { version = "=0.1.161", default-features = false }
T
cat > write.py <<'P'
import gguf
import numpy as np
w = gguf.GGUFWriter("in.gguf", "qwen2")
d, ff, layers, vocab, kv = 1024, 2048, 4, 2048, 256
w.add_block_count(layers); w.add_context_length(512); w.add_embedding_length(d); w.add_feed_forward_length(ff)
w.add_head_count(d // 64); w.add_head_count_kv(kv // 64); w.add_layer_norm_rms_eps(1e-6); w.add_rope_freq_base(1e6)
w.add_vocab_size(vocab); w.add_tokenizer_model("none"); w.add_file_type(1)
r = np.random.default_rng(0)
def m(name, *shape): w.add_tensor(name, (r.standard_normal(shape, dtype=np.float32) / shape[-1] ** 0.5).astype(np.float16))
def one(name, n, value=1): w.add_tensor(name, np.full(n, value, np.float32))
m("token_embd.weight", vocab, d); m("output.weight", vocab, d); one("output_norm.weight", d)
for i in range(layers):
    b = f"blk.{i}."
    one(b + "attn_norm.weight", d); one(b + "ffn_norm.weight", d)
    m(b + "attn_q.weight", d, d); m(b + "attn_k.weight", kv, d); m(b + "attn_v.weight", kv, d); m(b + "attn_output.weight", d, d)
    one(b + "attn_q.bias", d, 0); one(b + "attn_k.bias", kv, 0); one(b + "attn_v.bias", kv, 0)
    m(b + "ffn_gate.weight", ff, d); m(b + "ffn_up.weight", ff, d); m(b + "ffn_down.weight", d, ff)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
P
cat > src/main.rs <<'R'
use llama_cpp_sys_2 as sys;
use std::ffi::{c_char, c_void, CString};
const TOKENS: usize = 128;
const VOCABULARY: usize = 2048;
unsafe extern "C" fn quiet(_: sys::ggml_log_level, _: *const c_char, _: *mut c_void) {}
fn quantise(name: &str, kind: sys::llama_ftype) -> CString {
    let file = CString::new(format!("{name}.gguf")).unwrap();
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = kind;
    params.pure_ = true; // one type for all matrices
    params.nthread = 1;
    assert_eq!(unsafe { sys::llama_model_quantize(c"in.gguf".as_ptr(), file.as_ptr(), &params) }, 0);
    file
}
/// The logits of the last token, when the tokens come in batches of the lengths `cuts`.
fn logits(model: *mut sys::llama_model, flash: i32, cuts: &[usize], micro_batch: u32, threads: i32) -> Vec<f32> {
    assert_eq!(cuts.iter().sum::<usize>(), TOKENS);
    let mut params = unsafe { sys::llama_context_default_params() };
    (params.n_ctx, params.n_batch, params.n_ubatch) = (512, 512, micro_batch);
    (params.n_threads, params.n_threads_batch) = (threads, threads);
    params.flash_attn_type = flash;
    let context = unsafe { sys::llama_init_from_model(model, params) };
    assert!(!context.is_null());
    let mut start = 0;
    for &length in cuts {
        let mut batch = unsafe { sys::llama_batch_init(length as i32, 0, 1) };
        batch.n_tokens = length as i32;
        for i in 0..length {
            let at = start + i;
            unsafe {
                *batch.token.add(i) = (at * at * 31 + at * 7 + 5) as i32 % VOCABULARY as i32;
                *batch.pos.add(i) = at as i32;
                *batch.n_seq_id.add(i) = 1;
                **batch.seq_id.add(i) = 0;
                *batch.logits.add(i) = (at + 1 == TOKENS) as i8;
            }
        }
        assert_eq!(unsafe { sys::llama_decode(context, batch) }, 0);
        unsafe { sys::llama_batch_free(batch) };
        start += length;
    }
    let out = unsafe { sys::llama_get_logits_ith(context, -1) };
    let out = unsafe { std::slice::from_raw_parts(out, VOCABULARY) }.to_vec();
    unsafe { sys::llama_free(context) };
    out
}
fn main() {
    unsafe { sys::llama_backend_init() };
    unsafe { sys::llama_log_set(Some(quiet), std::ptr::null_mut()) };
    let default = unsafe { sys::llama_context_default_params() }.flash_attn_type;
    let mut as_described = default == sys::LLAMA_FLASH_ATTN_TYPE_AUTO;
    println!("greatest change of a logit against one batch of 128, in percent of the logits' standard deviation");
    for (name, kind) in [("f16", sys::LLAMA_FTYPE_MOSTLY_F16), ("q4_0", sys::LLAMA_FTYPE_MOSTLY_Q4_0)] {
        let path = quantise(name, kind);
        let model = unsafe { sys::llama_model_load_from_file(path.as_ptr(), sys::llama_model_default_params()) };
        assert!(!model.is_null());
        for (attention, flash) in [("default", default), ("no flash attention", sys::LLAMA_FLASH_ATTN_TYPE_DISABLED)] {
            let whole = logits(model, flash, &[128], 512, 1);
            let mean = whole.iter().sum::<f32>() / VOCABULARY as f32;
            let spread = (whole.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / VOCABULARY as f32).sqrt();
            let change = |cuts: &[usize], micro_batch, threads| {
                let other = logits(model, flash, cuts, micro_batch, threads);
                100.0 * whole.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / spread
            };
            let [even, odd, one, micro, threads] = [
                change(&[64, 64], 512, 1),
                change(&[65, 63], 512, 1),
                change(&[127, 1], 512, 1),
                change(&[128], 32, 1),
                change(&[128], 512, 2),
            ];
            println!("{name:4} {attention:18}: 64+64 {even:.2}, 65+63 {odd:.2}, 127+1 {one:.2}, micro-batches of 32 {micro:.2}, \
                      two threads {threads:.2}");
            as_described &= even == 0.0 && threads == 0.0;
            as_described &= match (name, flash == default) {
                ("q4_0", true) => odd > 1.0 && one > 1.0 && micro > 1.0,
                ("q4_0", false) => odd == 0.0 && one == 0.0 && micro == 0.0,
                (_, true) => odd > 0.1 && micro > 0.1,
                (_, false) => odd == 0.0 && micro == 0.0,
            };
        }
        unsafe { sys::llama_model_free(model) };
    }
    std::process::exit(if as_described { 0 } else { 1 });
}
R
python3 write.py
cargo build --release --quiet > log 2>&1 || { tail -20 log; exit 1; }
"$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/cuts"
