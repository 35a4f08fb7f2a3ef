#!/usr/bin/python3
"""Announces over music, which goes down while something is said: a live sound track.

Before it: eval "$(./pipelines/env.sh)"; Debian packages python3-gi and gir1.2-gstreamer-1.0.
Usage: ./pipelines/ducking.py MUSIC [SINK]

MUSIC is a file or URI; what has an end plays again and again. Each line of the standard input is said, and the program
ends with its input, once all is said. SINK is where the sound goes, in the words of gst-launch-1.0: "autoaudiosink" if
not said otherwise, for example "opusenc ! oggmux ! filesink location=radio.ogg". PROPERTIES holds further properties of
cosyvoice3src, such as PROPERTIES="voice=ru_female speed=1.2".
"""
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstController", "1.0")
from gi.repository import GLib, Gst, GstController

from properties import set_properties

LOW = 0.2
FADE = 300 * Gst.MSECOND
# Announcements are heard so much later than they are ready: the music needs that time to go down before them.
AHEAD = 400 * Gst.MSECOND

# single-segment gives music that starts again the time of the pipeline, which is the time of the volume's curve;
# clocksync keeps it from running ahead of the curve. The mixer takes inputs of one rate only, that of the first: it must
# not depend on who that is.
FORMAT = "audio/x-raw,format=F32LE,rate=48000,channels=2"
PIPELINE = """
    audiomixer name=mix latency=100000000 ! audioconvert ! audioresample ! {sink}
    uridecodebin name=file ! audioconvert ! audioresample
        ! {format} ! identity single-segment=true ! clocksync ! volume name=music ! mix.
    cosyvoice3src name=speech is-live=true buffer-duration=20000000 max-queued=1000
        ! queue name=ahead max-size-time=0 max-size-bytes=0 max-size-buffers=0
        ! audioconvert ! audioresample ! {format} ! mix.
"""


class Ducking:
    """The music's volume over time."""

    def __init__(self, music):
        self.curve = GstController.InterpolationControlSource(mode=GstController.InterpolationMode.LINEAR)
        self.curve.set(0, 1.0)
        self.up = None
        binding = GstController.DirectControlBinding.new_absolute(music, "volume", self.curve)
        music.add_control_binding(binding)

    def speech_starts(self, time):
        if self.up is not None and time < self.up + 2 * FADE:
            # It would hardly be up before it goes down again: it stays down.
            self.curve.unset(self.up + FADE)
        else:
            self.curve.set(max(time - FADE, 1), 1.0)
        self.curve.set(time, LOW)

    def speech_ends(self, time):
        self.up = time
        self.curve.set(time, LOW)
        self.curve.set(time + FADE, 1.0)


class Radio:
    def __init__(self, uri, sink):
        self.pipeline = Gst.parse_launch(PIPELINE.format(sink=sink, format=FORMAT))
        self.speech = self.pipeline.get_by_name("speech")
        self.file = self.pipeline.get_by_name("file")
        # Not in the description, where quotes in a name would end it.
        set_properties(self.speech)
        self.file.set_property("uri", uri)
        self.ducking = Ducking(self.pipeline.get_by_name("music"))
        self.pipeline.get_by_name("ahead").get_static_pad("src").set_offset(AHEAD)
        self.waiting = set()
        self.input_ended = False
        self.loop = GLib.MainLoop()
        self.failed = None

    def run(self):
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)
        self.file.connect("no-more-pads", lambda _: GLib.idle_add(self.play_from_start, Gst.SeekFlags.FLUSH))
        self.pipeline.set_state(Gst.State.PLAYING)
        threading.Thread(target=self.read, daemon=True).start()
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        if self.failed:
            sys.exit(f"error: {self.failed}")

    def read(self):
        for line in sys.stdin:
            if line.strip():
                GLib.idle_add(self.say, line)
        GLib.idle_add(self.end)

    def say(self, text):
        # One that is refused is 0 and a warning, which says why.
        number = self.speech.emit("say", text)
        if number:
            self.waiting.add(number)

    def end(self):
        self.input_ended = True
        self.end_if_said()

    def end_if_said(self):
        if self.input_ended and not self.waiting:
            # What was said last is still on its way.
            GLib.timeout_add((AHEAD + 2 * FADE) // Gst.MSECOND, self.stop)

    def stop(self):
        """Ends both streams, so that a file is complete."""
        self.speech.emit("end-of-stream")
        self.pipeline.get_by_name("music").get_static_pad("sink").send_event(Gst.Event.new_eos())

    def play_from_start(self, flags=Gst.SeekFlags.NONE):
        """Plays the music up to its end, which is then a message and no end of the stream."""
        flags |= Gst.SeekFlags.SEGMENT
        self.file.seek(1.0, Gst.Format.TIME, flags, Gst.SeekType.SET, 0, Gst.SeekType.NONE, 0)

    def on_message(self, _, message):
        structure = message.get_structure()
        if message.type == Gst.MessageType.ERROR:
            self.failed = message.parse_error().gerror.message
            self.loop.quit()
        elif message.type == Gst.MessageType.WARNING:
            print("warning:", message.parse_warning().gerror.message, file=sys.stderr)
        elif message.type == Gst.MessageType.EOS:
            self.loop.quit()
        elif message.type == Gst.MessageType.SEGMENT_DONE:
            self.play_from_start()
        elif message.has_name("cosyvoice3/utterance-started"):
            self.ducking.speech_starts(structure.get_value("running-time") + AHEAD)
        elif message.type == Gst.MessageType.ELEMENT and structure.get_name().startswith("cosyvoice3/utterance-"):
            if structure.get_name().endswith("-queued"):
                return
            # A text of which nothing was heard has no times.
            if structure.has_field("running-time"):
                end = structure.get_value("running-time") + structure.get_value("duration")
                self.ducking.speech_ends(end + AHEAD)
            self.waiting.discard(structure.get_value("id"))
            self.end_if_said()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    Gst.init(None)
    Radio(
        sys.argv[1] if "://" in sys.argv[1] else Gst.filename_to_uri(sys.argv[1]),
        sys.argv[2] if len(sys.argv) == 3 else "autoaudiosink",
    ).run()
