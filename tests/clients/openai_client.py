"""OpenAI's Python client against `cosyvoice3 serve`: openai_client.py http://ADDRESS/v1

Run by crates/cosyvoice3-cli/tests/serve/clients_of_openai.rs where the package `openai` is installed.
"""
import asyncio
import sys
import wave

import openai

base_url = sys.argv[1]
directory = sys.argv[2]
client = openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0)


def models_are_listed():
    names = [model.id for model in client.models.list()]
    assert "tts-1" in names and "cosyvoice3" in names, names


def speech_is_written_to_a_file():
    path = f"{directory}/speech.wav"
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="golden", input="Да.", response_format="wav", speed=1.2, instructions="speak fast"
    ) as response:
        response.stream_to_file(path)
    with wave.open(path) as sound:
        assert sound.getframerate() == 24000 and sound.getnchannels() == 1 and sound.getsampwidth() == 2
        assert len(sound.readframes(1 << 30)) > 4800


def speech_comes_in_pieces_and_as_events():
    text = "Раз, два, три. Поезд отправляется через пять минут с третьего пути. " * 6
    asked = dict(model="gpt-4o-mini-tts", voice="golden", input=text, response_format="pcm")
    with client.audio.speech.with_streaming_response.create(**asked) as response:
        pieces = list(response.iter_bytes(4096))
    sound = b"".join(pieces)
    assert len(pieces) > 3 and len(sound) > 100_000, (len(pieces), len(sound))
    with client.audio.speech.with_streaming_response.create(stream_format="sse", **asked) as response:
        events = [line for line in response.iter_lines() if line.startswith("data: ")]
    assert '"speech.audio.done"' in events[-1], events[-1]


def errors_are_those_of_the_api():
    asked = dict(model="tts-1", voice="golden", input="Да.")
    for wrong, error in [
        ({"voice": "nobody"}, openai.BadRequestError),
        ({"model": "gpt-5"}, openai.NotFoundError),
        ({"speed": 4.0}, openai.BadRequestError),
    ]:
        try:
            client.audio.speech.create(**{**asked, **wrong})
        except error as caught:
            (field,) = wrong
            assert caught.param == field and caught.body["message"], caught
        else:
            raise AssertionError(f"{wrong} is taken")


async def several_at_once():
    async with openai.AsyncOpenAI(base_url=base_url, api_key="unused") as many:
        asked = dict(model="tts-1", voice="golden", input="Да.", response_format="pcm")
        answers = await asyncio.gather(*(many.audio.speech.create(**asked) for _ in range(5)))
        assert len({answer.content for answer in answers}) == 1


models_are_listed()
speech_is_written_to_a_file()
speech_comes_in_pieces_and_as_events()
errors_are_those_of_the_api()
asyncio.run(several_at_once())
print(f"openai {openai.__version__}: models, file, pieces, events, errors, five at once")
