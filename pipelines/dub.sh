#!/usr/bin/env bash
# Speaks subtitles (SubRip, WebVTT, SubStation Alpha), each at its time: ./pipelines/dub.sh FILM.srt TRACK.opus
#
# TRACK is a WAV, Opus, MP3 or FLAC file. Every cue is said, and what could not be is named at the end. Speech that is
# longer than its subtitle moves the next one; with PROPERTIES="overflow=clip" it is cut. PROPERTIES holds further
# properties of cosyvoice3src, such as PROPERTIES="voice=ru_female speed=1.2".
set -euo pipefail

if [ $# != 2 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up
eval "$("$root/pipelines/env.sh" --no-set-up)"

properties
exec cosyvoice3 say --subtitles "${settings[@]}" --output="$2" -- "$1"
