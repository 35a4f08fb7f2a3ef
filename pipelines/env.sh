#!/usr/bin/env bash
# Prints what a shell needs for gst-launch-1.0 lines of one's own: eval "$(./pipelines/env.sh)"
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
[ "${1:-}" = --no-set-up ] || set_up
[ -z "${COSYVOICE3_PREPARED:-}" ] || exit 0

printf 'export GST_PLUGIN_PATH=%q${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}\n' "$target/gstreamer-1.0"
printf 'export PATH=%q:$PATH\n' "$target/release"
# For other versions of ONNX Runtime than the pinned one, which report to their maker without it.
printf 'export ORT_DISABLE_TELEMETRY=1\n'
printf 'export ORT_DYLIB_PATH=%q\n' "$root/deps/onnxruntime/libonnxruntime.so"
if [ -z "${COSYVOICE3_MODEL_PATH:-}" ] && [ ! -e "$root/models/demo/cosyvoice3.toml" ]; then
    printf 'export COSYVOICE3_MODEL_PATH=%q\n' "$root/models/tiny"
fi
