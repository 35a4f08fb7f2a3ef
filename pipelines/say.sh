#!/usr/bin/env bash
# Speaks: ./pipelines/say.sh "TEXT" [FILE.wav|FILE.opus|FILE.mp3|FILE.flac]
#
# Sets up everything that is missing first (Debian packages, ONNX Runtime, the plugin and the tool cosyvoice3). Without a
# file it speaks to the default sound device. PROPERTIES holds further properties of cosyvoice3src, such as
# PROPERTIES="voice=ru_female speed=1.2".
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "${1:-}" = --help ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up
[ -n "${2:-}" ] || set_up_packages "${sound_packages[@]}"
eval "$("$root/pipelines/env.sh" --no-set-up)"

if [ "${COSYVOICE3_MODEL_PATH:-}" = "$root/models/tiny" ]; then
    note "no trained voice is installed: this is models/tiny, random weights, and what you hear is noise"
fi
properties
# The text is an argument, and what the tool would take for a file of subtitles or an option is a text here.
exec cosyvoice3 say --text "${settings[@]}" ${2:+--output="$2"} -- "$1"
