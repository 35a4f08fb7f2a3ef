#!/usr/bin/env bash
# One would guess: float silence becomes integer silence, S16 to F32 and back is the identity (a float holds 24 bits), and one
# phrase put twice into a stream comes out twice the same.
# Seen: audioconvert adds triangular noise whenever it makes 16 bits out of floats. About a quarter of the samples of digital
# silence come out as 1 or -1, as many change on the way S16, F32, S16, and the second copy of a phrase differs from the first.
# Pauses of float speech are then not zero for a gate that asks for zero, and a cache or a test that compares bytes
# fails. FLAC, to which true silence costs next to nothing, pays for the noise. volume between two audioconverts does no harm,
# as it takes S16 itself. audioconvert dithering=none gives what one would guess.
# Versions: GStreamer 1.22.0 (Debian 12). Date: 2026-11-30. Source: found here; the property dithering, tpdf unless set.
set -euo pipefail
py=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst' 2>/dev/null; then py=$p; break; fi
done
[ -n "$py" ] || exit 77
for e in audioconvert volume flacenc appsrc; do gst-inspect-1.0 --exists "$e" || exit 77; done
"$py" - <<'P'
import array
import math
import sys
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
N = 24000
def run(chain, kind, data):
    p = Gst.parse_launch(f"appsrc name=in format=time caps=audio/x-raw,format={kind},layout=interleaved,channels=1,rate=24000"
                         f" ! {chain} ! appsink name=out sync=false")
    p.set_state(Gst.State.PLAYING)
    b = Gst.Buffer.new_wrapped(data.tobytes())
    b.pts = 0
    p.get_by_name("in").emit("push-buffer", b)
    p.get_by_name("in").emit("end-of-stream")
    out = b""
    while (s := p.get_by_name("out").emit("try-pull-sample", 60 * Gst.SECOND)) is not None:
        b = s.get_buffer()
        out += b.extract_dup(0, b.get_size())
    p.set_state(Gst.State.NULL)
    return out
def integers(b):
    a = array.array("h")
    a.frombytes(b)
    return a
s16 = "audio/x-raw,format=S16LE"
silence = array.array("f", bytes(4 * N))
ramp = array.array("h", range(-N // 2, N // 2))
phrase = array.array("f", (0.3 * math.sin(i * 0.01) for i in range(N // 2)))
print(Gst.version_string(), "- of 24000 samples")
seen = {}
for how in ("audioconvert", "audioconvert dithering=none"):
    noise = sum(x != 0 for x in integers(run(f"{how} ! {s16}", "F32LE", silence)))
    changed = sum(a != b for a, b in zip(integers(run(f"{how} ! audio/x-raw,format=F32LE ! {how} ! {s16}", "S16LE", ramp)), ramp))
    both = integers(run(f"{how} ! {s16}", "F32LE", phrase + phrase))
    differ = sum(a != b for a, b in zip(both[:N // 2], both[N // 2:]))
    flac = len(run(f"{how} ! {s16} ! flacenc", "F32LE", silence))
    seen[how] = noise, changed, differ, flac
    print(f"{how}: not zero in silence {noise}; changed by S16, F32, S16 {changed}; second copy of a phrase (12000) differs in "
          f"{differ}; silence as FLAC {flac} bytes")
volume = sum(a != b for a, b in zip(integers(run(f"audioconvert ! volume ! audioconvert ! {s16}", "S16LE", ramp)), ramp))
print("changed by audioconvert ! volume ! audioconvert:", volume)
a, b = seen.values()
ok = min(a[:2]) > N // 6 and a[2] > N // 12 and b[:3] == (0, 0, 0) and volume == 0
sys.exit(0 if ok else 1)
P
