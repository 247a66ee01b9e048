"""The installation's Piper voice itself: cut in pieces it sounds as it does whole."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from huggingface_hub import constants
from onnxruntime import InferenceSession

from dev.models.settings import ModelsSettings
from dev.models.speaking import voices
from dev.models.speaking.piper import Piper
from dev.models.speaking.speaking import RATE, Speaking
from tests.running_system import free_ports

LONG = "Now this is one rather long clause without any comma that goes on and on for a while."
SHORT = "Okay,"


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_a_clause_in_pieces_sounds_as_it_does_whole(text: str) -> None:
    piper = Piper(voices.default())
    piper._config.noise_scale = piper._config.noise_w_scale = 0.0  # the same each time
    (clause,) = piper.clauses(text)
    frames = piper.frames(clause, 1.0)
    edges = [*range(0, frames.count, 30), frames.count]
    pieces = []
    for start, end in pairwise(edges):
        if not frames.are_made(end):
            piper.make(frames, end)
        pieces.append(piper.sound(frames, start, end))
    assert frames.are_made(frames.count)
    given = {
        "input": np.array([clause.ids], np.int64),
        "input_lengths": np.array([len(clause.ids)], np.int64),
        "scales": np.array([0.0, 1.0, 0.0], np.float32),
    }
    whole = InferenceSession(str(voices.default())).run(None, given)[0].ravel()
    assert np.concatenate(pieces) == pytest.approx(
        np.clip(piper._gain * whole, -1.0, 1.0), abs=1e-4
    )


@pytest.fixture
async def speaking() -> AsyncIterator[Speaking]:
    one = Speaking(ModelsSettings())
    one.start()
    await one.ready()
    yield one
    one.close()


async def test_a_long_text_is_cut_at_commas_and_short_sentences_are_not(speaking: Speaking) -> None:
    piper = await speaking.ready()
    half = "and then we went to the house of my brother in the north of the country"
    assert [one.ends_sentence for one in piper.clauses(f"{half}, {half}. Yes, I am.")] == [
        False,
        True,
        True,
    ]


async def test_each_piece_comes_before_what_was_there_is_played_and_without_silence_first(
    speaking: Speaking,
) -> None:
    """By the processor's time that the pieces took, not by the clock of a busy machine."""
    played, made, at = 0.0, 0.0, time.process_time()
    first = True
    async for pcm in speaking.speak(f"{LONG} {LONG} Yes. {LONG}"):
        now = time.process_time()
        made += now - at
        assert first or made < played, "a gap"
        if first:
            assert np.abs(pcm[: RATE // 20].astype(int)).max() > 300
            made, first = 0.0, False
        played += len(pcm) / RATE
        at = time.process_time()
    assert played > 10


def use_hub(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """What HF_ENDPOINT does, which the library reads when it is imported."""
    url = f"http://127.0.0.1:{port}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("en-us+edward", "'en-us+edward' is neither a folder nor the name of a Piper voice"),
        ("en_US-nobody-medium", "the hub cannot be reached for rhasspy/piper-voices"),
        ("EMPTY", "must have one voice (*.onnx); it has none"),
        ("BROKEN", "cannot be loaded"),
    ],
)
async def test_where_another_voice_cannot_be_had_the_default_speaks_and_it_is_said_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    use_hub(monkeypatch, free_ports(1)[0])
    monkeypatch.setattr(voices, "ROOT", tmp_path / "root")
    if name in ("EMPTY", "BROKEN"):
        (tmp_path / "voice").mkdir()
    if name == "BROKEN":
        (tmp_path / "voice" / "a.onnx").write_text("none")
        (tmp_path / "voice" / "a.onnx.json").write_text("{}")
    wanted = str(tmp_path / "voice") if name in ("EMPTY", "BROKEN") else name
    one = Speaking(ModelsSettings(models_voice=wanted))
    one.start()
    await one.ready()
    one.close()
    assert one.voice == "en_US-joe-medium"
    assert one.problem.startswith("MODELS_VOICE: ")
    assert problem in one.problem
    assert one.problem.endswith("; en_US-joe-medium speaks instead")


async def test_a_voice_of_the_hub_is_fetched_once_and_a_folder_is_a_voice_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def resolve(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        if request.path == "/":
            return web.Response()
        assert request.path.startswith(f"/{voices.HUB}/resolve/main/en/en_GB/bob/medium/")
        joe = voices.default()
        file = joe if request.path.endswith(".onnx") else joe.with_name(f"{joe.name}.json")
        content = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": "0" * 40}
        return web.Response(body=content, headers=headers)

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", resolve)])
    (port,) = free_ports(1)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    use_hub(monkeypatch, port)
    monkeypatch.setattr(voices, "ROOT", tmp_path)
    try:
        model = await asyncio.to_thread(voices.named, "en_GB-bob-medium")
        assert len(asked) >= 2
        asked.clear()
        assert await asyncio.to_thread(voices.named, "en_GB-bob-medium") == model
        assert asked == [], "it is here"
    finally:
        await runner.cleanup()
    assert voices.named(str(model.parent)) == model
    assert Piper(model).name == "en_GB-bob-medium"
