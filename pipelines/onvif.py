#!/usr/bin/python3
"""Speaks through the loudspeaker of an IP camera, by the ONVIF audio backchannel.

Before it: eval "$(./pipelines/env.sh)"; Debian packages python3-gi and gir1.2-gstreamer-1.0.
Usage: ./pipelines/onvif.py [--credentials FILE] rtsp://CAMERA/PATH [TEXT]

Without TEXT each line of the standard input is said, and the program ends with its input, once all is said. The camera
has to take PCMU or PCMA. PROPERTIES holds further properties of cosyvoice3src, such as PROPERTIES="voice=ru_female speed=1.2".

The camera's USER:PASSWORD is the first line of FILE, or the variable CAMERA_CREDENTIALS. An address may hold them too
(rtsp://USER:PASSWORD@CAMERA/PATH), but every user of the machine can read command lines.
"""
import argparse
import ctypes
import os
import re
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst

from properties import set_properties

gstreamer = ctypes.CDLL("libgstreamer-1.0.so.0")
gstreamer.gst_mini_object_ref.argtypes = [ctypes.c_void_p]
gstreamer.gst_mini_object_ref.restype = ctypes.c_void_p

# Endings of names of fields that hold a password or its like.
SECRET_FIELDS = "password|passwd|pass|pwd|psw|token|secret|auth"

ENCODERS = {"PCMU": "mulawenc ! rtppcmupay", "PCMA": "alawenc ! rtppcmapay"}

# From the speech to packets. The sink is in step with the clock: cameras have little room for what comes early.
PACKETS = """
    audioconvert name=entrance ! audioresample ! {encoder} pt={payload} min-ptime=20000000 max-ptime=20000000
        ! appsink name=packets emit-signals=true
"""


def speaking_element():
    """The element, with its settings."""
    element = Gst.ElementFactory.make("cosyvoice3src")
    if not element:
        sys.exit('error: GStreamer has no element cosyvoice3src: eval "$(./pipelines/env.sh)" before this')
    for name, value in [("is-live", True), ("buffer-duration", 20 * Gst.MSECOND), ("max-queued", 1000)]:
        element.set_property(name, value)
    set_properties(element)
    return element


class Loudspeaker:
    """The camera's loudspeaker: takes RTP packets once it is open."""

    def __init__(self, uri, credentials):
        self.pipeline = Gst.Pipeline()
        self.source = Gst.ElementFactory.make("rtspsrc")
        self.source.set_property("location", uri)
        if credentials:
            user, _, password = credentials.partition(":")
            self.source.set_property("user-id", user)
            self.source.set_property("user-pw", password)
        Gst.util_set_object_arg(self.source, "backchannel", "onvif")
        Gst.util_set_object_arg(self.source, "protocols", "tcp")
        self.source.connect("select-stream", self.select)
        self.source.connect("pad-added", self.ignore)
        self.pipeline.add(self.source)
        self.encoder = None
        self.payload = None
        self.stream = None

    def select(self, _source, number, caps):
        offer = caps.get_structure(0)
        if not offer.has_field("a-sendonly"):
            # Cameras play only together with what they show. A camera's small stream costs the least.
            return True
        encoder = ENCODERS.get(offer.get_string("encoding-name"))
        if self.encoder or not encoder:
            return False
        self.encoder, self.payload, self.stream = encoder, offer.get_int("payload").value, number
        return True

    def ignore(self, _source, pad):
        sink = Gst.ElementFactory.make("fakesink")
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def push(self, packets):
        packet = packets.emit("pull-sample")
        # This signal takes a reference that Python does not give; push-backchannel-sample, which shall not, does the
        # same in GStreamer 1.22.0. The hash of a sample is its address.
        gstreamer.gst_mini_object_ref(hash(packet))
        return self.source.emit("push-backchannel-buffer", self.stream, packet)


class Announcer:
    def __init__(self, uri, credentials, texts):
        self.texts = texts
        self.element = speaking_element()
        self.camera = Loudspeaker(uri, credentials)
        self.speech = None
        self.failed = None
        self.loop = GLib.MainLoop()

    def run(self):
        self.watch(self.camera.pipeline)
        self.camera.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.speech:
            self.speech.set_state(Gst.State.NULL)
        self.camera.pipeline.set_state(Gst.State.NULL)
        if self.failed:
            sys.exit(f"error: {redact(self.failed)}")

    def watch(self, pipeline):
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)

    def on_message(self, _, message):
        if message.type == Gst.MessageType.ERROR:
            hint = "" if self.speech else " (has the camera an ONVIF backchannel?)"
            self.end(message.parse_error().gerror.message + hint)
        elif message.type == Gst.MessageType.WARNING:
            print("warning:", redact(message.parse_warning().gerror.message), file=sys.stderr)
        elif message.type == Gst.MessageType.EOS:
            self.end()
        elif message.src == self.camera.source and message.type == Gst.MessageType.PROGRESS:
            progress = message.parse_progress()
            # The last of the requests that start the stream is done.
            if (progress.type, progress.code) == (Gst.ProgressType.COMPLETE, "request") and not self.speech:
                self.speak()

    def end(self, error=None):
        self.failed = self.failed or error
        self.loop.quit()

    def speak(self):
        if self.camera.stream is None:
            return self.end("the camera has no ONVIF backchannel for PCMU or PCMA")
        self.speech = Gst.parse_launch(PACKETS.format(encoder=self.camera.encoder, payload=self.camera.payload))
        self.speech.add(self.element)
        self.element.link(self.speech.get_by_name("entrance"))
        self.watch(self.speech)
        self.speech.get_by_name("packets").connect("new-sample", self.camera.push)
        self.speech.set_state(Gst.State.PLAYING)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for text in self.texts:
            # One that is refused is a warning, which says why.
            if text.strip():
                self.element.emit("say", text)
        self.element.emit("end-of-stream")


def redact(words):
    """The words without the secrets of addresses: user and password, and fields such as ?password=."""
    for word in sys.argv[1:]:
        # As it stands: a password may hold blanks, and an address may lack its scheme.
        words = words.replace(word, re.sub(r"^(.*?://)?.*@", r"\1***@", word, flags=re.DOTALL))
    words = re.sub(r"://\S*@", "://***@", words)
    return re.sub(rf"(?i)((?:{SECRET_FIELDS})=)[^?&;/#\s]+", r"\1***", words)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        super().error(redact(message))


def read_credentials(file):
    """USER:PASSWORD of the file, else of the environment, else nothing."""
    if not file:
        return os.environ.get("CAMERA_CREDENTIALS", "")
    with open(file) as lines:
        credentials = lines.readline().strip()
        if os.fstat(lines.fileno()).st_mode & 0o007:
            print(f"warning: every user of this machine may read the password: chmod 640 {file}", file=sys.stderr)
    if ":" not in credentials:
        sys.exit("error: the first line of the file of --credentials is not USER:PASSWORD")
    return credentials


def main():
    parser = Parser(
        description=__doc__, usage="%(prog)s [--credentials FILE] URI [TEXT]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--credentials", metavar="FILE", help="file with the camera's USER:PASSWORD, of mode 640")
    parser.add_argument("uri", metavar="URI", help="address of the camera, rtsp://CAMERA/PATH")
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the announcement")
    arguments = parser.parse_args()
    try:
        credentials = read_credentials(arguments.credentials)
    except OSError as error:
        # Not the name: it may be a password that went astray.
        sys.exit(f"error: the file of --credentials: {error.strerror}")
    if "@" in arguments.uri:
        print(
            "warning: every user of this machine can read the password in the address: use --credentials FILE instead",
            file=sys.stderr,
        )
    Gst.init(None)
    texts = [arguments.text] if arguments.text is not None else sys.stdin
    Announcer(arguments.uri, credentials, texts).run()


if __name__ == "__main__":
    main()
