# Sourced by say.sh, env.sh and tests/run.sh: sets up what is missing, says what it does, asks nothing.
#
#   set_up_packages PACKAGE...   Debian packages
#   set_up_onnxruntime [MACHINE DIR]
#                                deps/onnxruntime/libonnxruntime.so, from its pinned wheel; for another machine in DIR
#   set_up_plugin                the plugin and its tools, built; target/gstreamer-1.0 to load it from
#   set_up_rtsp                  the tool with RTSP, with the packages that this takes
#   set_up_tiny_model            models/tiny, converted from the fixture checkpoint
#   properties                   settings=(...): the words of PROPERTIES as options of the tool cosyvoice3
#
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
tools=$target/release
onnxruntime_version=1.28.0

build_packages=(
    build-essential cmake clang libclang-dev pkg-config git ca-certificates python3-pip unzip
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
)
sound_packages=(gstreamer1.0-alsa gstreamer1.0-pulseaudio)
rtsp_packages=(libgstrtspserver-1.0-dev)
python_packages=(python3-gi gir1.2-gstreamer-1.0)
test_packages=("${rtsp_packages[@]}" "${python_packages[@]}" strace)

note() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "root is needed for: $* (no sudo here)"
    fi
}

set_up_packages() {
    [ -z "${COSYVOICE3_PREPARED:-}" ] || return 0
    command -v dpkg-query >/dev/null || return 0 # not Debian: the build says what is missing
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    note "installing Debian packages: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

set_up_onnxruntime() {
    local machine=${1:-$(uname -m)} dir=${2:-$root/deps/onnxruntime} python=/usr/bin/python3 work platform
    [ -e "$dir/$onnxruntime_version" ] && return 0
    case $machine in
        x86_64) platform=manylinux_2_28_x86_64 ;;
        aarch64) platform=manylinux_2_28_aarch64 ;;
        *) fail "no ONNX Runtime wheel for $machine: install libonnxruntime 1.22 or later and set ORT_DYLIB_PATH" ;;
    esac
    note "fetching ONNX Runtime $onnxruntime_version for $machine"
    "$python" -m pip --version >/dev/null 2>&1 || python=python3
    work=$(mktemp -d)
    # The wheel is for CPython 3.11; only the library inside is used, so the local Python does not matter.
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --implementation cp --python-version 3.11 --abi cp311 --platform "$platform" \
        --dest "$work" --requirement "$root/ci/onnxruntime.txt" >&2
    unzip -q -j -o "$work"/onnxruntime-*.whl 'onnxruntime/capi/libonnxruntime.so*' 'onnxruntime/LICENSE' \
        'onnxruntime/ThirdPartyNotices.txt' -d "$work/out"
    mkdir -p "$dir"
    cp "$work"/out/* "$dir/"
    ln -sf "libonnxruntime.so.$onnxruntime_version" "$dir/libonnxruntime.so"
    rm -rf "$work"
    touch "$dir/$onnxruntime_version"
}

# properties: sets settings to what hands the words of PROPERTIES ("speed=1.2 seed=7") to the tool.
properties() {
    local property words
    # At the end of the text, which no byte marks, read fails.
    read -r -d '' -a words <<<"${PROPERTIES:-}" || true
    # Used by who sources this.
    # shellcheck disable=SC2034
    settings=()
    for property in "${words[@]}"; do settings+=("--set=$property"); done
}

require_rust() {
    command -v cargo >/dev/null || [ ! -r "$HOME/.cargo/env" ] || . "$HOME/.cargo/env"
    command -v cargo >/dev/null || fail "Rust is missing: install rustup (https://rustup.rs), then run this again"
}

set_up_plugin() {
    require_rust
    [ -e "$target/release/libgstcosyvoice3.so" ] ||
        note "building the plugin (the first time builds llama.cpp too: some ten minutes on two cores)"
    # The tool has the name that the directory of private libraries had in older checkouts.
    [ ! -d "$target/release/cosyvoice3" ] || rm -r "$target/release/cosyvoice3"
    (cd "$root" && cargo build --release --quiet --workspace) >&2
    # A directory of its own: GStreamer would try every library under target/ as a plugin.
    mkdir -p "$target/gstreamer-1.0" "$target/cosyvoice3"
    ln -sf ../release/libgstcosyvoice3.so "$target/gstreamer-1.0/libgstcosyvoice3.so"
    # Libraries of its own are looked for beside the directory of the plugin's file, and of the tool's.
    ln -sf "$root/deps/onnxruntime/libonnxruntime.so" "$target/cosyvoice3/libonnxruntime.so"
}

set_up_rtsp() {
    [ -z "${COSYVOICE3_PREPARED:-}" ] || return 0
    set_up_packages "${rtsp_packages[@]}"
    (cd "$root" && cargo build --release --quiet --workspace --features cosyvoice3-cli/rtsp) >&2
}

tool() {
    ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$root/deps/onnxruntime/libonnxruntime.so} "$tools/cosyvoice3" "$@"
}

# tiny_model NAME [OPTION...]: models/NAME from the fixture checkpoint, made again when the tool is newer.
tiny_model() {
    local dir=$root/models/$1
    shift
    [ "$dir/cosyvoice3.toml" -nt "$tools/cosyvoice3" ] && return 0
    note "converting the tiny checkpoint to ${dir#"$root"/}"
    tool model convert "$root/tests/fixtures/tiny" "$dir" --force \
        --estimator f32 --notice "random weights: this voice is noise" "$@" >&2
    tool voice import golden "$root/tests/fixtures/tiny_prompt" --model "$dir" --shared --replace --language ru >&2
}

# tiny_npu_model: models/tiny-npu, the same with estimators for the stand-in for an NPU.
tiny_npu_model() {
    local dir=$root/models/tiny-npu work file
    [ "$dir/cosyvoice3.toml" -nt "$tools/cosyvoice3" ] && return 0
    work=$(mktemp -d)
    tiny_model tiny-npu --lm q4_k_m --npu-onnx "$work"
    for file in "$work"/*.onnx; do mv "$file" "${file%.onnx}.axmodel"; done
    tool model npu "$dir" "$work" >&2
    rm -rf "$work"
}

set_up_tiny_model() { tiny_model tiny --lm q4_k_m; }

# COSYVOICE3_PREPARED says that the caller did all this, GST_PLUGIN_PATH included: so the tests run these scripts.
set_up() {
    [ -z "${COSYVOICE3_PREPARED:-}" ] || return 0
    set_up_packages "${build_packages[@]}"
    set_up_onnxruntime
    set_up_plugin
    set_up_tiny_model
}
