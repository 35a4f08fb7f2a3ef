#!/usr/bin/python3
"""An application in Python: says a few sentences and prints when each is heard.

Before it: eval "$(./pipelines/env.sh)"; Debian packages python3-gi and gir1.2-gstreamer-1.0.
Usage: ./pipelines/app.py TEXT...
"""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

Gst.init(None)
pipeline = Gst.parse_launch("cosyvoice3src name=speech is-live=true ! audioconvert ! audioresample ! autoaudiosink")
speech = pipeline.get_by_name("speech")
pipeline.set_state(Gst.State.PLAYING)
for text in sys.argv[1:] or ["Готово."]:
    print("number", speech.emit("say", text))
speech.emit("end-of-stream")
while message := pipeline.get_bus().timed_pop(Gst.CLOCK_TIME_NONE):
    if message.type == Gst.MessageType.ERROR:
        sys.exit(message.parse_error().gerror.message)
    if message.type == Gst.MessageType.WARNING:
        print(message.parse_warning().gerror.message, file=sys.stderr)
    if message.type == Gst.MessageType.EOS:
        break
    if message.has_name("cosyvoice3/utterance-started"):
        fields = message.get_structure()
        print("at", fields.get_value("running-time") / Gst.SECOND, "s:", fields.get_value("text"))
pipeline.set_state(Gst.State.NULL)
