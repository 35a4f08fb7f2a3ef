#!/usr/bin/env bash
# Speaks: ./pipelines/say.sh "TEXT" [FILE.wav|FILE.opus|FILE.mp3]
#
# Sets up everything that is missing first (Debian packages, ONNX Runtime, the plugin). Without a file it speaks to
# the default sound device. PROPERTIES holds further properties of cosyvoice3src, such as PROPERTIES="voice=anna speed=1.2".
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "${1:-}" = --help ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
text=$1
file=${2:-}

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
to_file "$file" # refuses a name it cannot write before it builds anything
set_up
[ -n "$file" ] || set_up_packages "${sound_packages[@]}"
eval "$("$root/pipelines/env.sh" --no-set-up)"

if [ "${COSYVOICE3_MODEL_PATH:-}" = "$root/models/tiny" ]; then
    note "no trained voice is installed: this is models/tiny, random weights, and what you hear is noise"
fi
read -ra properties <<<"${PROPERTIES:-}"
gst-launch-1.0 --quiet --no-position cosyvoice3src "text=$text" "${properties[@]}" ! "${sink[@]}"
[ -z "$file" ] || note "wrote $file"
