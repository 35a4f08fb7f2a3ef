#!/usr/bin/env bash
# Speaks subtitles, each at its time: ./pipelines/dub.sh FILM.srt TRACK.wav|TRACK.opus|TRACK.mp3
#
# Speech that is longer than its subtitle moves the next one; with PROPERTIES="overflow=clip" it is cut.
# PROPERTIES holds further properties of cosyvoice3src, such as PROPERTIES="voice=anna speed=1.2".
set -euo pipefail

if [ $# != 2 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
subtitles=$1
file=$2

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
to_file "$file"
set_up
eval "$("$root/pipelines/env.sh" --no-set-up)"

read -ra properties <<<"${PROPERTIES:-}"
# audiorate fills the time between subtitles, which encoders would leave out.
gst-launch-1.0 --quiet --no-position filesrc "location=$subtitles" ! subparse \
    ! cosyvoice3src "${properties[@]}" ! audiorate skip-to-first=false ! "${sink[@]}"
note "wrote $file"
