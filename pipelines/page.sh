#!/usr/bin/env bash
# Pages loudspeakers by RTP (PCMU, 8 kHz, packets of 20 ms): ./pipelines/page.sh ADDRESS PORT ["TEXT"]
#
# ADDRESS is a loudspeaker's, or a multicast group such as 239.255.0.1. Without TEXT each line of the standard input is
# said when it comes, until the input ends. Packets are sent while something is said, and none in between.
# PROPERTIES holds further properties of cosyvoice3src, such as PROPERTIES="voice=ru_female speed=1.2".
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up
eval "$("$root/pipelines/env.sh" --no-set-up)"

properties
if [ $# = 3 ]; then
    exec cosyvoice3 say --text "${settings[@]}" --rtp="$1:$2" -- "$3"
fi
exec cosyvoice3 say "${settings[@]}" --rtp="$1:$2" -
