#!/usr/bin/env bash
# One would guess: a client that offers a back channel plays a stream without one all the same, one way; and a shared stream with
# a back channel is one stream, so that the camera and the encoder behind it are opened once.
# Seen: rtspsrc with backchannel=onvif asks by the header Require; a server that does not know the word answers 551
# to DESCRIBE, and rtspsrc ends with "Server can not provide an SDP" instead of asking once more without it. On gst-rtsp-server's side
# set_shared of an ONVIF factory holds for clients without the header only: each client that asks for the back channel gets a media
# of its own, with its own source, so of four listeners the two who may talk open the source once more each. A client without the
# header is shown nothing of the back channel.
# Versions: GStreamer and gst-rtsp-server 1.22.0 (Debian 12). Date: 2026-11-30. Source: found here.
set -euo pipefail
py=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer' 2> /dev/null; then py=$p; break; fi
done
[ -n "$py" ] && command -v gst-launch-1.0 > /dev/null || exit 77
for e in rtspsrc audiotestsrc mulawenc rtppcmupay rtppcmudepay; do gst-inspect-1.0 --exists "$e" || exit 77; done
"$py" - <<'P'
import socket
import subprocess
import sys
import threading
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
SOUND = "( audiotestsrc is-live=true ! mulawenc ! rtppcmupay name=pay0 )"
CAPS = "application/x-rtp,media=audio,payload=0,clock-rate=8000,encoding-name=PCMU"
BACK = f'( capsfilter name=depay_backchannel caps="{CAPS}" ! rtppcmudepay ! fakesink async=false )'
REQUIRE = "Require: www.onvif.org/ver20/backchannel\r\n"
opened = []
def serve(server, factory):
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory.set_launch(SOUND)
    factory.set_shared(True)
    server.get_mount_points().add_factory("/sound", factory)
    server.attach(None)
    return server, server.get_bound_port()
factory = GstRtspServer.RTSPOnvifMediaFactory.new()
factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
factory.set_backchannel_launch(BACK)
factory.connect("media-configure", lambda _, media: opened.append(media))
onvif, talking = serve(GstRtspServer.RTSPOnvifServer.new(), factory)
plain, oneway = serve(GstRtspServer.RTSPServer.new(), GstRtspServer.RTSPMediaFactory.new())
threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
def describe(port, header):
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        s.sendall(f"DESCRIBE rtsp://127.0.0.1:{port}/sound RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n{header}\r\n".encode())
        lines = s.makefile(encoding="utf-8", newline="\r\n")
        status = lines.readline().split(maxsplit=2)[1]
        length = 0
        while (line := lines.readline().strip()):
            if line.lower().startswith("content-length:"):
                length = int(line.split(":")[1])
        sdp = lines.read(length)
    return status, sdp.count("m=audio"), "a=sendonly" in sdp
def listener(port, *options):
    """A client that plays until its input ends; returns when it plays or has failed."""
    p = subprocess.Popen(["gst-launch-1.0", "rtspsrc", f"location=rtsp://127.0.0.1:{port}/sound", "protocols=tcp", *options,
                          "!", "identity", "silent=false", "!", "fakesink", "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in p.stdout:
        if "last-message = chain" in line:
            return p, "plays"
        if "Server can not provide an SDP" in line:
            return p, "Server can not provide an SDP"
    return p, "ended"
alarm = threading.Timer(240, lambda: (print("nothing came"), sys.stdout.flush(), __import__("os")._exit(1)))
alarm.daemon = True
alarm.start()
print(Gst.version_string())
answers = {}
for name, port in (("ONVIF", talking), ("ordinary", oneway)):
    for asked, header in (("without Require", ""), ("with Require", REQUIRE)):
        status, audio, back = answers[name, asked] = describe(port, header)
        print(f"{name} server, DESCRIBE {asked}: {status}, {audio} audio media, {'one' if back else 'none'} a=sendonly")
opened.clear()
clients, counts = [], []
for options in ((), (), ("backchannel=onvif",), ("backchannel=onvif",)):
    p, how = listener(talking, *options)
    clients.append(p)
    counts.append(len(opened))
    print(f"shared ONVIF stream, rtspsrc {' '.join(options) or 'alone':17}: {how}; medias opened so far: {counts[-1]}")
ends = []
for options in ((), ("backchannel=onvif",)):
    p, how = listener(oneway, *options)
    clients.append(p)
    ends.append(how)
    print(f"ordinary stream, rtspsrc {' '.join(options) or 'alone':17}: {how}")
for p in clients:
    p.kill()
    p.wait()
ok = answers["ONVIF", "without Require"] == ("200", 1, False) and answers["ONVIF", "with Require"] == ("200", 2, True)
ok = ok and answers["ordinary", "with Require"][0] == "551" and counts == [1, 1, 2, 3]
ok = ok and ends == ["plays", "Server can not provide an SDP"]
sys.exit(0 if ok else 1)
P
