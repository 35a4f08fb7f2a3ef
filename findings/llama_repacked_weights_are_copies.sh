#!/usr/bin/env bash
# One would guess: llama.cpp maps a GGUF, so its weights are pages of the file: shared by processes, given back under pressure; and
# fewer bits a weight need less memory.
# Seen: on the CPU some types are repacked at load, into anonymous memory of the size of the weights, and nothing but a line
# of the log says so. Of the types here q4_0 and q4_K are repacked, while q5_0, q6_K and q8_0 stay mapped: a model in
# q8_0, twice as large, keeps next to no memory of its own, one in q4_0 all of it. The shape counts as well: a matrix
# of 2001 rows (the head here) stays mapped in q4_0. The model's parameter
# use_extra_bufts = false keeps everything mapped. The pages read of the file are resident besides.
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
name = "repack"
version = "0.0.0"
edition = "2021"
[dependencies]
llama-cpp-sys-2 = { version = "=0.1.161", default-features = false }
T
cat > write.py <<'P'
import gguf
import numpy as np
w = gguf.GGUFWriter("in.gguf", "qwen2")
d, ff, layers, vocab, kv = 1024, 2048, 4, 2001, 256
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
use std::ffi::{c_char, c_void, CStr, CString};
use std::sync::Mutex;
static LOG: Mutex<String> = Mutex::new(String::new());
unsafe extern "C" fn keep(_: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    LOG.lock().unwrap().push_str(&unsafe { CStr::from_ptr(text) }.to_string_lossy());
}
fn anonymous() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 1024
}
fn quantise(name: &str, kind: sys::llama_ftype) -> CString {
    let file = CString::new(format!("{name}.gguf")).unwrap();
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = kind;
    params.pure_ = true; // one type for all matrices
    params.nthread = 1;
    assert_eq!(unsafe { sys::llama_model_quantize(c"in.gguf".as_ptr(), file.as_ptr(), &params) }, 0);
    file
}
/// Loads a model and returns: MiB of anonymous memory it took, matrices repacked, 1 if the head is one of them.
fn load(path: &str, extra: bool) -> [i64; 3] {
    let path = CString::new(path).unwrap();
    let mut params = unsafe { sys::llama_model_default_params() };
    params.use_extra_bufts = extra;
    let before = anonymous();
    assert!(!unsafe { sys::llama_model_load_from_file(path.as_ptr(), params) }.is_null());
    let grown = anonymous() - before;
    let log = LOG.lock().unwrap();
    let head = log.lines().any(|line| line.contains("repack tensor output.weight"));
    [grown, log.matches("repack tensor").count() as i64, head as i64]
}
fn main() {
    unsafe { sys::llama_backend_init() };
    unsafe { sys::llama_log_set(Some(keep), std::ptr::null_mut()) };
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, path, extra] = &arguments[..] {
        println!("{:?}", load(path, extra == "true"));
        return;
    }
    let kinds = [
        ("q4_0", sys::LLAMA_FTYPE_MOSTLY_Q4_0, true),
        ("q4_k", sys::LLAMA_FTYPE_MOSTLY_Q4_K_M, true),
        ("q5_0", sys::LLAMA_FTYPE_MOSTLY_Q5_0, false),
        ("q6_k", sys::LLAMA_FTYPE_MOSTLY_Q6_K, false),
        ("q8_0", sys::LLAMA_FTYPE_MOSTLY_Q8_0, false),
    ];
    let mut as_described = true;
    for (name, kind, repacks) in kinds {
        let path = quantise(name, kind).into_string().unwrap();
        let size = std::fs::metadata(&path).unwrap().len() as i64 >> 20;
        for extra in ["true", "false"] {
            // A process of its own, so that no freed memory is used again.
            let out = std::process::Command::new(&arguments[0]).args([&path[..], extra]).output().unwrap();
            let out = String::from_utf8(out.stdout).unwrap();
            let numbers: Vec<i64> = out.trim_matches(['[', ']', '\n']).split(", ").map(|n| n.parse().unwrap()).collect();
            let [grown, matrices, head] = numbers[..] else { panic!("{out}") };
            println!("{name}, use_extra_bufts {extra:5}: file {size:2} MiB, anonymous memory +{grown:2} MiB, {matrices:2} of 29 matrices \
                      repacked, the head {}", if head == 1 { "too" } else { "not" });
            let copied = repacks && extra == "true";
            as_described &= head == 0 && if copied { matrices == 28 && grown * 4 > size * 3 } else { matrices == 0 && grown < 4 };
        }
    }
    std::process::exit(if as_described { 0 } else { 1 });
}
R
python3 write.py
cargo build --release --quiet > log 2>&1 || { tail -20 log; exit 1; }
"$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/repack"
