"""A voice that is late has gaps, and one that is early has none."""

from __future__ import annotations

import asyncio

import numpy as np
from aiohttp import web

from tests.running_system import free_ports
from tools.bench.figures import speaking

TONE = (1000 * np.ones(int(0.1 * speaking.RATE))).astype("<i2").tobytes()
SILENCE = bytes(len(TONE))
LATE_S = 0.25


async def heard(parts: list[bytes | float], pieces: list[str]) -> speaking.Played:
    """What comes of a server that sends `parts` for each piece: bytes, or a wait in seconds."""

    async def speak(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                await response.write(part)
        return response

    app = web.Application()
    app.add_routes([web.post("/speech", speak)])
    (port,) = free_ports(1)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        return await speaking.hear(f"http://127.0.0.1:{port}/speech", pieces)
    finally:
        await runner.cleanup()


async def test_what_comes_before_it_is_wanted_has_no_gap() -> None:
    played = await heard([TONE[:1001], TONE[1001:], TONE * 5], ["one", "two"])
    assert played.gaps_s == []
    assert round(played.sound_s, 2) == 1.2


async def test_what_comes_late_is_a_gap_and_silence_is_no_first_sound() -> None:
    played = await heard([SILENCE, LATE_S, TONE, LATE_S, TONE], ["one"])
    assert played.first_s >= LATE_S
    (gap,) = played.gaps_s
    assert gap > LATE_S - 0.1 - 0.02
