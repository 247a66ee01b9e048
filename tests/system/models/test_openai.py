"""The models server asked by OpenAI's own client: files of speech, chat, embeddings, refusals."""

from __future__ import annotations

import base64
import io
import json
import re
import wave
from pathlib import Path
from typing import Any

import aiohttp
import av
import moonshine_voice
import numpy as np
import openai
import pytest

from dev.caller import CallError
from dev.caller.sound import CallerVoice, audible_span
from tests.system.models.running import ASK, COFFEE, TELL, Server, pcm, wav

HUMAN = Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav"  # read by a person


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    cards = {model.id: model.model_extra async for model in client.models.list()}
    assert {name: (card or {})["for"] for name, card in cards.items()} == {
        "rehearsal": "chat",
        "whisper": "transcriptions",
        "piper": "speech",
        "hashed-ngram-embeddings": "embeddings",
    }
    assert (await client.models.retrieve("rehearsal")).id == "rehearsal"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-9")


async def test_a_file_is_transcribed(client: openai.AsyncOpenAI) -> None:
    heard = await client.audio.transcriptions.create(model="any", file=wav(TELL))
    assert heard.text == TELL


async def test_other_rates_channels_and_formats_are_transcribed(
    client: openai.AsyncOpenAI,
) -> None:
    file = io.BytesIO()
    with av.open(str(wav(ASK))) as source, av.open(file, "w", format="flac") as target:
        stream = target.add_stream("flac", rate=44_100, layout="stereo")
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=44_100)
        for frame in [*source.decode(audio=0), None]:
            for out in resampler.resample(frame):
                target.mux(stream.encode(out))
        target.mux(stream.encode(None))
    heard = await client.audio.transcriptions.create(
        model="any", file=("a.flac", file.getvalue()), response_format="verbose_json"
    )
    assert heard.text == ASK
    assert heard.duration == pytest.approx(len(pcm(ASK)) / 32_000 - 0.4, abs=0.05)


async def test_a_transcript_has_the_times_of_its_words(client: openai.AsyncOpenAI) -> None:
    heard = await client.audio.transcriptions.create(
        model="any",
        file=wav(TELL),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert heard.words is not None
    assert heard.segments is not None
    assert [word.word for word in heard.words] == TELL.split()
    times = [time for word in heard.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= heard.duration + 0.1
    assert [segment.text for segment in heard.segments] == [heard.text] == [TELL]
    assert heard.segments[0].tokens
    assert (heard.language, heard.usage and heard.usage.type) == ("english", "duration")


async def test_a_transcript_may_be_text_or_subtitles(client: openai.AsyncOpenAI) -> None:
    async def transcript(wanted: Any) -> str:
        file = HUMAN if wanted in ("srt", "vtt") else wav(TELL)
        told = await client.audio.transcriptions.create(
            model="any", file=file, response_format=wanted
        )
        return str(told)

    assert await transcript("text") == f"{TELL}\n"
    first, second, *others = (await transcript("srt")).strip().split("\n\n")
    number, times, text = first.split("\n")
    assert (number, second.split("\n")[0], len(others) > 5) == ("1", "2", True)
    assert re.fullmatch(r"00:00:0\d,\d{3} --> 00:00:0\d,\d{3}", times)
    assert text.startswith("It was the best of times")
    assert all(len(cue.split("\n")[2]) <= 80 for cue in (first, second, *others))
    title, first, *_ = (await transcript("vtt")).split("\n\n")
    assert title == "WEBVTT"
    assert re.match(r"00:00:0\d\.\d{3} --> 00:00:0\d\.\d{3}\nIt was the best of times", first)


async def test_a_transcript_is_streamed_piece_by_piece(client: openai.AsyncOpenAI) -> None:
    stream = await client.audio.transcriptions.create(model="any", file=HUMAN, stream=True)
    *deltas, done = [event async for event in stream]
    assert done.type == "transcript.text.done"
    assert len(deltas) > 1
    assert "".join(getattr(event, "delta", "") for event in deltas) == done.text
    assert done.text.startswith("It was the best of times")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"response_format": "diarized_json"}, "'diarized_json': Input should be 'json', 'text'"),
        ({"language": "de"}, "language 'de': the model here hears en"),
        ({"timestamp_granularities": ["word"]}, "only with response_format verbose_json"),
        ({"response_format": "srt", "stream": True}, "stream: not with response_format srt"),
    ],
)
async def test_what_cannot_be_done_with_a_file_is_refused_in_words(
    client: openai.AsyncOpenAI, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=reason):
        await client.audio.transcriptions.create(model="any", file=wav(TELL), **options)


async def test_what_is_no_audio_is_refused_in_words(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot be read as audio"):
        await client.audio.transcriptions.create(model="any", file=("a.wav", b"no audio at all"))


async def test_speech_begins_at_once_and_an_unknown_voice_is_refused(
    client: openai.AsyncOpenAI,
) -> None:
    asked: dict[str, Any] = {"model": "any", "voice": "alloy", "input": "Hello. I am here."}
    async with client.audio.speech.with_streaming_response.create(
        **asked, response_format="pcm"
    ) as response:
        samples = np.frombuffer(await response.read(), np.int16)
    assert 1.0 < len(samples) / 24_000 < 3.0
    assert np.abs(samples[: 24_000 // 20].astype(int)).max() > 500, "silence at the beginning"
    with pytest.raises(openai.BadRequestError, match="no voice 'nobody'"):
        await client.audio.speech.create(**{**asked, "voice": "nobody"})
    with pytest.raises(openai.BadRequestError, match=r"\(language en\) cannot say '今天"):
        await client.audio.speech.create(**{**asked, "input": "今天天气很好。"})


@pytest.mark.parametrize("name", ["", "mp3", "opus", "aac", "flac", "wav"])
async def test_speech_in_each_format_is_a_file_that_is_understood(
    client: openai.AsyncOpenAI, name: str
) -> None:
    wanted: dict[str, Any] = {"response_format": name} if name else {}
    answer = await client.audio.speech.create(model="any", voice="alloy", input=COFFEE, **wanted)
    with av.open(io.BytesIO(answer.content)) as file:
        assert file.streams.audio[0].codec_context.name.startswith(
            {"wav": "pcm_s16le", "": "mp3"}.get(name, name)
        )
    heard = await client.audio.transcriptions.create(model="any", file=("a", answer.content))
    assert heard.text == COFFEE


async def test_a_test_caller_without_flite_speaks_with_it(server: Server) -> None:
    spoken = await CallerVoice("piper", f"{server.url}/v1").speak(COFFEE)
    assert audible_span(spoken.samples) is not None
    assert 1.0 < spoken.duration_s < 3.0
    with pytest.raises(CallError, match=r"answered 400: .*cannot say"):
        await CallerVoice("piper", f"{server.url}/v1").speak("今天天气很好。")


async def test_speech_as_events_is_the_same_sound(client: openai.AsyncOpenAI) -> None:
    async with client.audio.speech.with_streaming_response.create(
        model="any", voice="ash", input=COFFEE, response_format="pcm", stream_format="sse"
    ) as response:
        assert response.headers["content-type"] == "text/event-stream"
        events = [
            json.loads(line.removeprefix("data: "))
            async for line in response.iter_lines()
            if line.startswith("data: ")
        ]
    assert [event["type"] for event in events[-2:]] == ["speech.audio.delta", "speech.audio.done"]
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert await understood(client, sound) == COFFEE
    assert events[-1]["usage"]["total_tokens"] > 0


async def understood(client: openai.AsyncOpenAI, samples: bytes) -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(24_000)
        out.writeframes(samples)
    heard = await client.audio.transcriptions.create(model="any", file=("a.wav", file.getvalue()))
    return heard.text


async def test_a_text_is_spoken_as_a_person_would_read_it(client: openai.AsyncOpenAI) -> None:
    answer = await client.audio.speech.create(
        model="any",
        voice="ash",
        input="**Dr. Brown** 😀 paid $20.50 at [the museum](https://example.com/a?b=1).",
        response_format="pcm",
    )
    heard = (await understood(client, answer.content)).lower()
    assert "brown" in heard
    assert "20" in heard
    assert "museum" in heard
    assert not any(word in heard for word in ("asterisk", "example", "slash", "bracket", "grin"))


async def test_speech_is_slower_or_faster_and_a_text_without_words_is_a_moment_of_silence(
    client: openai.AsyncOpenAI,
) -> None:
    async def seconds(text: str, speed: float) -> float:
        answer = await client.audio.speech.create(
            model="any", voice="ash", input=text, response_format="pcm", speed=speed
        )
        return len(answer.content) / 48_000

    # How long a voice takes for the same words differs by a quarter from time to time.
    much = " ".join([TELL] * 6)
    usual, slow, fast = [await seconds(much, speed) for speed in (1.0, 0.5, 1.5)]
    assert slow == pytest.approx(2 * usual, rel=0.2)
    assert fast == pytest.approx(usual / 1.5, rel=0.2)
    assert await seconds("...", 1.0) == pytest.approx(0.1)


async def test_chat_streams_a_tool_call_then_words_with_the_usage(
    client: openai.AsyncOpenAI,
) -> None:
    human = "<memory_blocks>\n<human>\n<value>\nname: Ada\n</value>\n</human>\n</memory_blocks>"
    messages: list[Any] = [
        {"role": "system", "content": human},
        {"role": "user", "content": TELL},
    ]
    tool: Any = {"type": "function", "function": {"name": "memory_insert", "parameters": {}}}
    arguments, reason, call_id = "", None, None
    async for chunk in await client.chat.completions.create(
        model="rehearsal", messages=messages, tools=[tool], stream=True
    ):
        choice = chunk.choices[0]
        for call in choice.delta.tool_calls or []:
            assert call.function is not None
            arguments += call.function.arguments or ""
            call_id = call.id or call_id
        reason = choice.finish_reason or reason
    written = json.loads(arguments)
    assert (written["label"], written["new_string"]) == ("human", "favorite color: green")
    assert reason == "tool_calls"
    function = {"name": "memory_insert", "arguments": arguments}
    messages += [
        {
            "role": "assistant",
            "tool_calls": [{"id": call_id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call_id, "content": '{"status": "OK"}'},
    ]
    parts, usage = [], None
    async for chunk in await client.chat.completions.create(
        model="rehearsal",
        messages=messages,
        tools=[tool],
        stream=True,
        stream_options={"include_usage": True},
    ):
        parts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        usage = chunk.usage or usage
    assert "favorite color is green" in "".join(parts)
    assert len(parts) > 5, "word by word"
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


async def test_what_is_asked_of_an_answer_is_done_or_refused_in_words(
    client: openai.AsyncOpenAI,
) -> None:
    async def chat(**options: Any) -> Any:
        messages: list[Any] = [{"role": "user", "content": "count to twenty"}]
        answer = await client.chat.completions.create(
            model="rehearsal", messages=messages, **options
        )
        return answer.choices[0]

    assert (await chat()).finish_reason == "stop"
    short = await chat(max_tokens=4)
    assert (short.finish_reason, len(short.message.content)) == ("length", 16)
    as_json = await chat(response_format={"type": "json_object"})
    assert json.loads(as_json.message.content)["reply"].endswith("twenty.")
    with pytest.raises(openai.BadRequestError, match="tool_choice: the rehearsal partner"):
        await chat(tool_choice="required")
    with pytest.raises(openai.BadRequestError, match="response_format: 'json_schema'"):
        await chat(response_format={"type": "json_schema", "json_schema": {"name": "a"}})


async def test_embeddings_are_near_for_texts_that_are_alike(client: openai.AsyncOpenAI) -> None:
    texts = ["I like green tea", "green tea is what I like", "the train to Rome was late"]
    answer = await client.embeddings.create(model="any", input=texts)
    one, alike, other = (np.array(item.embedding) for item in answer.data)
    assert len(one) == 1536
    assert one @ alike > 0.5 > one @ other + 0.2
    short = await client.embeddings.create(model="any", input=texts[0], dimensions=64)
    assert len(short.data[0].embedding) == 64


async def test_bad_requests_are_refused_in_openais_shape(server: Server) -> None:
    async with aiohttp.ClientSession(f"{server.url}/v1/") as http:
        for path, body, status in [
            ("chat/completions", b"{", 400),
            ("chat/completions", b'{"messages": []}', 400),
            ("chat/completions", b'{"messages": 1}', 400),
            ("chat/completions", b'{"messages": [{"role": "user", "tool_calls": [1]}]}', 400),
            ("embeddings", b'{"input": []}', 400),
            ("audio/speech", b'{"input": 1}', 400),
            ("audio/transcriptions", b"{}", 400),
            ("audio/speech", b" " * 27 * 2**20, 413),
            ("nowhere", b"", 404),
        ]:
            async with http.post(path, data=io.BytesIO(body)) as response:
                assert response.status == status, path
                assert (await response.json())["error"]["message"], path
