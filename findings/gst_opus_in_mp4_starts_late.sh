#!/usr/bin/env bash
# One would guess: Opus decodes to the same samples out of every container that carries its pre-skip.
# Seen: GStreamer's mp4mux writes the numbers of the box dOps in the byte order of an Ogg header, little-endian, where MP4 wants
# big-endian: a pre-skip of 312 samples (6.5 ms) reads as 14337 (299 ms), 48 kHz as 2.16 GHz. A reader that keeps to the
# format and to the pre-skip would drop the first word. GStreamer's own qtdemux does not pass the pre-skip on at all: what
# opusdec makes of the file starts 312 samples late and ends later too, while Ogg and Matroska give exactly the samples that
# went in, at their places. The edit list names neither.
# Versions: GStreamer 1.22.0 (Debian 12). Date: 2026-11-30.
# Source: found here; "Encapsulation of Opus in ISO Base Media File Format", 4.3.2. Same byte order, other muxer:
# shaka-project/shaka-packager issue 1627.
set -euo pipefail
py=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst' 2>/dev/null; then py=$p; break; fi
done
[ -n "$py" ] || exit 77
for e in opusenc opusdec mp4mux qtdemux oggmux oggdemux matroskamux matroskademux appsrc; do gst-inspect-1.0 --exists "$e" || exit 77; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$py" - <<'P'
import array
import sys
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
LENGTH, CLICK = 48123, 24000
sound = array.array("h", [0] * LENGTH)
for i in range(8):
    sound[CLICK + i] = 30000 if i < 4 else -30000
raw = sound.tobytes()
def finish(p):
    m = p.get_bus().timed_pop_filtered(120 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    p.set_state(Gst.State.NULL)
    if m is None or m.type != Gst.MessageType.EOS:
        sys.exit("a pipeline did not end")
def encode(mux, name):
    p = Gst.parse_launch("appsrc name=in format=time caps=audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=48000"
                         f" ! opusenc ! {mux} ! filesink location={name}")
    p.set_state(Gst.State.PLAYING)
    for n in range(0, LENGTH, 960):
        b = Gst.Buffer.new_wrapped(raw[2 * n:2 * (n + 960)])
        b.pts, b.duration = n * Gst.SECOND // 48000, 20 * Gst.MSECOND
        p.get_by_name("in").emit("push-buffer", b)
    p.get_by_name("in").emit("end-of-stream")
    finish(p)
def decode(demux, name):
    finish_into = Gst.parse_launch(f"filesrc location={name} ! {demux} ! opusdec ! audioconvert"
                                   " ! audio/x-raw,format=S16LE,channels=1 ! filesink location=raw")
    finish_into.set_state(Gst.State.PLAYING)
    finish(finish_into)
    a = array.array("h")
    with open("raw", "rb") as f:
        a.frombytes(f.read())
    # the middle of the click is where its sign changes: the steepest fall
    return len(a), min(range(1, len(a)), key=lambda i: a[i] - a[i - 1]) - CLICK - 4
print(Gst.version_string(), "-", LENGTH, "samples in")
seen = {}
for mux, demux in (("oggmux", "oggdemux"), ("matroskamux", "matroskademux"), ("mp4mux", "qtdemux")):
    encode(mux, mux)
    length, late = seen[mux] = decode(demux, mux)
    print(f"{mux:12} decoded {length} samples, the click {late} late")
with open("mp4mux", "rb") as f:
    mp4 = f.read()
at = mp4.index(b"dOps") + 4  # then version, channels, pre-skip, input rate
little, big = (int.from_bytes(mp4[at + 2:at + 4], order) for order in ("little", "big"))
rate = int.from_bytes(mp4[at + 4:at + 8], "big")
at = mp4.index(b"elst") + 4  # then version and flags, how many, a duration, the first sample's time
start = int.from_bytes(mp4[at + 12:at + 16], "big")
print(f"dOps: pre-skip {big} as MP4 has it, {little} as Ogg has it; input rate {rate} Hz; edit list: starts at {start}")
ok = all(seen[m][0] == LENGTH and abs(seen[m][1]) <= 1 for m in ("oggmux", "matroskamux"))
ok = ok and (little, big, rate, start) == (312, 14337, 0x80bb0000, 0)
ok = ok and abs(seen["mp4mux"][1] - little) <= 1 and seen["mp4mux"][0] > LENGTH + 300
sys.exit(0 if ok else 1)
P
