#!/usr/bin/env bash
# One would guess: audiorate before a payloader fills a pause with silence in buffers like those around it, so that 20 ms in
# stays 20 ms a packet.
# Seen: audiorate fills a pause in buffers of a second each, and rtppcmupay cuts those at the MTU: packets of 173.5 ms
# in the middle of a stream of 20 ms. The caps, of which an SDP is made, name no packet time, so a receiver with a small
# buffer for G.711 (a door station, a camera's back channel) is not told. rtppcmupay max-ptime=20000000 keeps every packet at 160 bytes.
# Versions: GStreamer 1.22.0 (Debian 12). Date: 2026-11-30. Source: found here.
set -euo pipefail
py=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst' 2>/dev/null; then py=$p; break; fi
done
[ -n "$py" ] || exit 77
for e in audiorate mulawenc rtppcmupay appsrc; do gst-inspect-1.0 --exists "$e" || exit 77; done
"$py" - <<'P'
import sys
from collections import Counter
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
def sizes(chain):
    """The payload sizes of two phrases of a second, two seconds apart, and the packet times the caps name."""
    p = Gst.parse_launch("appsrc name=in format=time caps=audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=8000"
                         f" ! {chain} ! appsink name=out sync=false")
    p.set_state(Gst.State.PLAYING)
    for at in [*range(0, 1000, 20), *range(3000, 4000, 20)]:
        b = Gst.Buffer.new_wrapped(bytes(320))
        b.pts, b.duration = at * Gst.MSECOND, 20 * Gst.MSECOND
        p.get_by_name("in").emit("push-buffer", b)
    p.get_by_name("in").emit("end-of-stream")
    count, caps = Counter(), ""
    while True:
        s = p.get_by_name("out").emit("try-pull-sample", 60 * Gst.SECOND)
        if s is None:
            break
        count[s.get_buffer().get_size() - 12] += 1
        caps = s.get_caps().to_string()
    p.set_state(Gst.State.NULL)
    return dict(count), "ptime" in caps
print(Gst.version_string(), "- bytes of G.711 in a packet: how many packets; is a packet time in the caps")
plain = sizes("mulawenc ! rtppcmupay")
filled = sizes("audiorate ! mulawenc ! rtppcmupay")
held = sizes("audiorate ! mulawenc ! rtppcmupay max-ptime=20000000")
print("no audiorate          ", *plain)
print("audiorate             ", *filled)
print("audiorate, max-ptime  ", *held)
sys.exit(0 if list(plain[0]) == [160] and max(filled[0]) > 1300 and not filled[1] and list(held[0]) == [160] else 1)
P
