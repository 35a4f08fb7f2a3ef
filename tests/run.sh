#!/usr/bin/env bash
# Runs the tests: ./tests/run.sh [--all]
#
# Sets up what is missing first. Without --all the long tests run in a shortened form, with the same code.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../pipelines/setup.sh"
cd "$root"
case ${1:-} in
    '') ;;
    --all) export COSYVOICE3_LONG_TESTS=1 ;;
    *) fail "usage: tests/run.sh [--all]" ;;
esac

set_up
set_up_packages "${test_packages[@]}"
# The same checkpoint in full precision, for parity.
tiny_model tiny-f32 --lm f32
tiny_npu_model

# The tests find models and tools by themselves; only the library has no default place outside an installation.
export ORT_DYLIB_PATH=$root/deps/onnxruntime/libonnxruntime.so
rtsp=cosyvoice3-cli/rtsp,cosyvoice3-serve/rtsp
note "formatting and lints"
cargo fmt --all --check
./ci/imports.py
cargo clippy --release --quiet --workspace --features "$rtsp" --all-targets -- -D warnings
note "tests"
cargo test --release --workspace --features "$rtsp" --quiet
note "the element's tests once more, with the flow model on the stand-in for an NPU"
export AXCL_RT_LIBRARY=$target/release/libaxcl_rt.so COSYVOICE3_TEST_FLOW_BACKEND=npu COSYVOICE3_TINY=$root/models/tiny-npu
# With the packages and features of the run above, so that nothing is compiled for other ones.
cargo test --release --workspace --features "$rtsp" --quiet --test element
# Of the conformance tests those that speak: to files, through starts, stops and flushes, with text from upstream.
cargo test --release --workspace --features "$rtsp" --quiet --test conformance -- offline:: states:: upstream::
