#!/usr/bin/env bash
# One would guess: a payloader gives a packet the RTP timestamp of its buffer's presentation time, pauses included.
# Seen: the payloaders built on GstRTPBaseAudioPayload (PCMU and L16 here) count samples instead, and miss in two ways.
# A buffer that carries DISCONT moves the count on by the distance to the START of the last packet, though the count already
# stands at its end: each pause puts the RTP clock one more packet ahead, so 100 phrases in packets of 20 ms make two seconds.
# And a pause whose buffer carries no DISCONT is not seen at all: by its RTP timestamp the next phrase follows on at once.
# mulawenc sets the flag itself where the timestamps jump, audioconvert before rtpL16pay does not.
# With perfect-rtptime=false the timestamps are right in all cases, and so are those of rtpopuspay.
# Versions: GStreamer 1.22.0 (Debian 12). Date: 2026-11-30.
# Source: found here; gstrtpbaseaudiopayload.c, gst_rtp_base_audio_payload_handle_buffer (offset and last_timestamp).
set -euo pipefail
py=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst' 2>/dev/null; then py=$p; break; fi
done
[ -n "$py" ] || exit 77
for e in mulawenc rtppcmupay rtpL16pay opusenc rtpopuspay appsrc; do gst-inspect-1.0 --exists "$e" || exit 77; done
"$py" - <<'P'
import sys
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
RATE, PACKET, PHRASES = 8000, 160, 5
def phrases(flag):
    at = 0
    for _ in range(PHRASES):
        for i in range(10):
            b = Gst.Buffer.new_wrapped(bytes(2 * PACKET))
            b.pts, b.duration = at * Gst.MSECOND, 20 * Gst.MSECOND
            if flag and i == 0:
                b.set_flags(Gst.BufferFlags.DISCONT)
            yield b
            at += 20
        at += 500
def error(chain, flag, clock):
    """At each phrase, the RTP timestamp less the presentation time, both since the first packet, in samples."""
    p = Gst.parse_launch("appsrc name=in format=time caps=audio/x-raw,format=S16LE,layout=interleaved,channels=1,"
                         f"rate={RATE} ! {chain} ! appsink name=out sync=false")
    p.set_state(Gst.State.PLAYING)
    for b in phrases(flag):
        p.get_by_name("in").emit("push-buffer", b)
    p.get_by_name("in").emit("end-of-stream")
    first, seen = None, []
    while True:
        s = p.get_by_name("out").emit("try-pull-sample", 60 * Gst.SECOND)
        if s is None:
            break
        b = s.get_buffer()
        rtp = int.from_bytes(b.extract_dup(4, 4), "big")
        first = first or (rtp, b.pts)
        off = ((rtp - first[0]) & 0xffffffff) - round((b.pts - first[1]) * clock / 1e9)
        if not seen or abs(off - seen[-1]) > 1:
            seen.append(off)
    p.set_state(Gst.State.NULL)
    return seen
late, lost = [PACKET * i for i in range(PHRASES)], [-RATE // 2 * i for i in range(PHRASES)]
ok = True
print(Gst.version_string(), "- five phrases, pauses of 500 ms, packets of 20 ms; samples between RTP and presentation time")
for chain, flag, clock, want in (
    ("mulawenc ! rtppcmupay", True, 8000, late),
    ("mulawenc ! rtppcmupay", False, 8000, late),
    ("audioconvert ! rtpL16pay", True, 8000, late),
    ("audioconvert ! rtpL16pay", False, 8000, lost),
    ("audioconvert ! rtpL16pay perfect-rtptime=false", False, 8000, [0]),
    ("mulawenc ! rtppcmupay perfect-rtptime=false", False, 8000, [0]),
):
    got = error(chain, flag, clock)
    print("DISCONT" if flag else "plain  ", chain, got)
    ok = ok and got == want
got = error("opusenc ! rtpopuspay", False, 48000)
print("plain   opusenc ! rtpopuspay", got)
sys.exit(0 if ok and max(map(abs, got)) < 48 else 1)
P
