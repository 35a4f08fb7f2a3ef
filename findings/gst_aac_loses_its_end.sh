#!/usr/bin/env bash
# One would guess: AAC only adds samples, some silence in front and a padded last frame, and the end of the sound is there.
# Seen: of one second and 123 samples at 48 kHz through voaacenc and faad, 2043 samples are missing and what is left is some 578
# late, so the last 2620 samples (55 ms) are gone: the end of a word, in a recording that stops with it. Two elements share it:
# voaacenc drops the frame that the end of stream leaves incomplete and does not flush its own delay, and faad gives no samples
# for the first frame. 4096 samples of silence after the sound keep it whole. ADTS or MP4 makes no difference.
# Versions: GStreamer 1.22.0 with libvo-aacenc 0.1.3 and libfaad2 2.10.1 (Debian 12). Date: 2026-11-30. Source: found here.
set -euo pipefail
py=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst' 2>/dev/null; then py=$p; break; fi
done
[ -n "$py" ] || exit 77
for e in voaacenc faad aacparse mp4mux qtdemux appsrc; do gst-inspect-1.0 --exists "$e" || exit 77; done
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
LENGTH = 48123
CLICKS = (24000, LENGTH - 2000)  # the second within the last 42 ms
def sound(silence):
    a = array.array("h", [0] * (LENGTH + silence))
    for at in CLICKS:
        for i in range(8):
            a[at + i] = 30000 if i < 4 else -30000
    return a
def finish(p):
    m = p.get_bus().timed_pop_filtered(120 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    p.set_state(Gst.State.NULL)
    if m is None or m.type != Gst.MessageType.EOS:
        sys.exit("a pipeline did not end")
def through(mux, demux, silence):
    a = sound(silence)
    raw = a.tobytes()
    p = Gst.parse_launch("appsrc name=in format=time caps=audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=48000"
                         f" ! voaacenc bitrate=128000 ! {mux} ! filesink location=file")
    p.set_state(Gst.State.PLAYING)
    for n in range(0, len(a), 960):
        b = Gst.Buffer.new_wrapped(raw[2 * n:2 * (n + 960)])
        b.pts, b.duration = n * Gst.SECOND // 48000, 20 * Gst.MSECOND
        p.get_by_name("in").emit("push-buffer", b)
    p.get_by_name("in").emit("end-of-stream")
    finish(p)
    p = Gst.parse_launch(f"filesrc location=file ! {demux} ! faad ! audioconvert ! audio/x-raw,format=S16LE,channels=1"
                         " ! filesink location=raw")
    p.set_state(Gst.State.PLAYING)
    finish(p)
    out = array.array("h")
    with open("raw", "rb") as f:
        out.frombytes(f.read())
    late = max(range(30000), key=lambda i: abs(out[i])) - CLICKS[0]
    second = max((abs(x) for x in out[CLICKS[1] + late - 16:CLICKS[1] + late + 24]), default=0)
    with open("file", "rb") as f:
        data = f.read()
    frames, at = 0, 0
    while mux != "mp4mux" and at + 7 <= len(data):  # the length of an ADTS frame, 13 bits
        at += (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        frames += 1
    kind = "MP4 " if mux == "mp4mux" else "ADTS"
    print(f"{kind} silence {silence}: in {len(a)}, out {len(out)}, click about {late} late, the click near the end: "
          f"{'there' if second > 3000 else 'gone'}" + (f"; {frames} frames of 1024 in the file" if frames else ""))
    return len(out), late, second, frames
print(Gst.version_string())
adts = through("audio/mpeg,stream-format=adts", "aacparse", 0)
mp4 = through("mp4mux", "qtdemux", 0)
safe = through("mp4mux", "qtdemux", 4096)
ok = adts[0] == mp4[0] == LENGTH - 2043 and adts[3] == LENGTH // 1024
ok = ok and 570 <= mp4[1] <= 586 and max(adts[2], mp4[2]) <= 3000 < safe[2]
sys.exit(0 if ok else 1)
P
