"""The published Python package `wyoming` against `cosyvoice3 serve`: wyoming_client.py ADDRESS PORT

Run by crates/cosyvoice3-cli/tests/serve/wyoming.rs where the package is installed.
"""
import asyncio
import sys

import wyoming.version
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

address, port = sys.argv[1], int(sys.argv[2])
golden = SynthesizeVoice(name="golden")


async def voices_are_described():
    async with AsyncTcpClient(address, port) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await client.read_event())
        (program,) = info.tts
        assert program.supports_synthesize_streaming and program.installed
        assert [(voice.name, voice.languages) for voice in program.voices] == [("golden", ["ru"])]


async def speech(client, last):
    """The bytes up to the event `last`."""
    event = await client.read_event()
    start = AudioStart.from_event(event)
    assert (start.rate, start.width, start.channels) == (24000, 2, 1)
    sound, stopped = b"", False
    while True:
        event = await client.read_event()
        assert event is not None, "the server left"
        if AudioChunk.is_type(event.type):
            assert not stopped
            sound += AudioChunk.from_event(event).audio
        elif AudioStop.is_type(event.type):
            stopped = True
        if last.is_type(event.type):
            assert stopped
            return sound


async def a_text_is_spoken_and_so_is_a_document():
    async with AsyncTcpClient(address, port) as client:
        await client.write_event(Synthesize(text="Да.", voice=golden).event())
        plain = await speech(client, AudioStop)
        assert len(plain) > 4800
        document = '<speak>Да.<break time="1s"/></speak>'
        await client.write_event(Synthesize(text=document, voice=golden, text_format="ssml").event())
        marked_up = await speech(client, AudioStop)
        assert len(marked_up) >= len(plain) + 40000, (len(plain), len(marked_up))


async def a_text_in_chunks_is_spoken_while_it_comes():
    async with AsyncTcpClient(address, port) as client:
        await client.write_event(SynthesizeStart(voice=golden).event())
        for chunk in ["Поезд отправляется через ", "пять минут. Сад", ". Да."]:
            await client.write_event(SynthesizeChunk(text=chunk).event())
        # For servers that know no streams.
        await client.write_event(Synthesize(text="Поезд отправляется через пять минут. Сад. Да.", voice=golden).event())
        await client.write_event(SynthesizeStop().event())
        assert len(await speech(client, SynthesizeStopped)) > 14400
        # The connection goes on.
        await client.write_event(Describe().event())
        assert Info.is_type((await client.read_event()).type)


async def what_cannot_be_spoken_is_an_error():
    async with AsyncTcpClient(address, port) as client:
        await client.write_event(Synthesize(text="Да.", voice=SynthesizeVoice(name="nobody")).event())
        error = Error.from_event(await client.read_event())
        assert "golden" in error.text and error.code == "voice_not_found", error
        await client.write_event(Synthesize(text="Да.", voice=golden).event())
        assert await speech(client, AudioStop)


async def main():
    await voices_are_described()
    await a_text_is_spoken_and_so_is_a_document()
    await a_text_in_chunks_is_spoken_while_it_comes()
    await what_cannot_be_spoken_is_an_error()


asyncio.run(main())
print(f"wyoming {wyoming.version.__version__}: describe, text, SSML, chunks, errors")
