#!/usr/bin/env bash
# Builds plugin and tools for 64-bit ARM, and runs the tests under qemu: ./ci/aarch64.sh
#
# Wants Debian on x86-64, and root for the kernel's table of program formats. Nothing else of the machine changes: the
# arm64 packages are unpacked below target/.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/../pipelines/setup.sh"
. "$here/ship.sh"
cd "$root"

# Not under qemu:
skipped=(
    a_library_that_is_too_old_is_named_with_its_version # calls rustc without a target
    announcements:: loudspeaker:: live:: soak::         # media in real time, which qemu is too slow for
    inspect_needs_no                                    # times gst-inspect-1.0
    every_text_                                         # hundreds of random sequences: the same code on any machine
    every_command_line_ every_script_runs_ properties_that_documents_ # the trained voice, which takes minutes there
)
minutes=20

# run_arm64_programs: from here on the kernel hands programs for arm64 to qemu.
run_arm64_programs() {
    local table=/proc/sys/fs/binfmt_misc i
    set_up_packages qemu-user-binfmt
    if [ ! -e "$table/qemu-aarch64" ]; then
        [ -e "$table/register" ] || as_root mount -t binfmt_misc binfmt_misc "$table"
        as_root cp /usr/lib/binfmt.d/qemu-aarch64.conf "$table/register"
    fi
    export QEMU_LD_PREFIX=$arm64
    # Programs that tests start by name.
    ln -sf "$arm64/usr/bin/gst-launch-1.0" "$arm64/usr/bin/gst-inspect-1.0" "$CARGO_TARGET_DIR/bin/"
    ln -sf /usr/bin/aarch64-linux-gnu-nm "$CARGO_TARGET_DIR/bin/nm"
    export PATH=$CARGO_TARGET_DIR/bin:$PATH CC=$CARGO_TARGET_DIR/bin/aarch64-clang
    # Not for what cargo compiles for this machine.
    export "CC_$(uname -m)_unknown_linux_gnu=cc"
    # qemu shows this machine's, in which ONNX Runtime finds no ARM core and dereferences nothing.
    mkdir -p "$arm64/proc"
    for ((i = 0; i < $(nproc); i++)); do
        printf '%s\t: %s\n' processor "$i" Features 'fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimddp' \
            'CPU implementer' 0x41 'CPU architecture' 8 'CPU variant' 0x4 'CPU part' 0xd0b 'CPU revision' 0
        echo
    done >"$arm64/proc/cpuinfo"
    # GStreamer starts its scanner by a path that only exists inside qemu.
    export GST_REGISTRY_FORK=no GST_REGISTRY=$CARGO_TARGET_DIR/registry.bin
}

[ "$(uname -m)" != aarch64 ] || fail "this is such a machine: run tests/run.sh"
set_up_target arm64 release
build_shipped --workspace
run_arm64_programs

note "models, made by the converter for arm64"
export ORT_DYLIB_PATH=$libraries/libonnxruntime.so QEMU_CPU=max
tools=$built
set_up_tiny_model
tiny_model tiny-f32 --lm f32
tiny_npu_model

note "llama.cpp's variants"
variant() {
    export QEMU_CPU=$1
    cargo test --quiet --release --workspace --features "$features" --test lm llama_cpp_uses -- --nocapture |
        grep -o 'CPU : .*' >"$CARGO_TARGET_DIR/system-info"
    printf '%-12s %s\n' "$1" "$(cat "$CARGO_TARGET_DIR/system-info")"
    [ -z "$2" ] || grep -q "$2" "$CARGO_TARGET_DIR/system-info" || fail "$2 is missing"
}
variant cortex-a53 'NEON = 1'
variant cortex-a76 'DOTPROD = 1'
variant max 'DOTPROD = 1'

note "tests: what finishes within $minutes minutes"
export QEMU_CPU=cortex-a76
cargo test --quiet --release --workspace --features "$features" --no-run
result=0
timeout "${minutes}m" cargo test --quiet --release --workspace --features "$features" --no-fail-fast -- \
    "${skipped[@]/#/--skip=}" |& tee "$CARGO_TARGET_DIR/tests" || result=$?
printf '%s tests passed\n' "$(awk '/^test result/ { n += $4 } END { print n + 0 }' "$CARGO_TARGET_DIR/tests")"
if [ "$result" = 124 ] && ! grep -q FAILED "$CARGO_TARGET_DIR/tests"; then
    note "the others were not reached"
else
    exit "$result"
fi
