"""The vitals of every process: as each tells its own, as they are read, answered and exported."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import Any, NoReturn

import aiohttp
import pytest
from aiohttp import web

from common import vitals as own_vitals
from common.vitals import Vitals
from dev.models import weights
from dev.models.app import make_app
from dev.models.settings import ModelsSettings
from dev.models.weights import NoWeights, Weights
from tests.running_system import free_ports


async def test_a_loop_that_stood_still_and_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_vitals, "EVERY_S", 0.02)
    vitals = Vitals()
    measuring = asyncio.create_task(vitals.watch())
    await asyncio.sleep(0.05)
    time.sleep(0.3)  # noqa: ASYNC251 - this is what is measured
    await asyncio.sleep(0.05)
    measuring.cancel()
    logger = logging.Logger("alone")
    logger.addHandler(vitals)
    logger.error("one")
    logger.warning("none")
    data = vitals.data()
    assert data["lag"] >= 0.25
    assert (data["pid"], data["errors"], data["recent_errors"]) == (os.getpid(), 1, 1)
    later = time.time() + own_vitals.RECENT_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert (vitals.data()["errors"], vitals.data()["recent_errors"]) == (1, 0)


async def serve(app: web.Application, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def test_the_models_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "get", _no_weights)
    (port,) = free_ports(1)
    runner = await serve(make_app(ModelsSettings()), port)
    try:
        async with aiohttp.ClientSession() as session:
            before = await _vitals(session, port)
            async with session.post(f"http://127.0.0.1:{port}/v1/embeddings", json={"input": "a"}):
                after = await _vitals(session, port)
    finally:
        await runner.cleanup()
    assert before["pid"] == os.getpid()
    assert after["active_at"] > before["active_at"]


def _no_weights(weights: Weights) -> NoReturn:
    raise NoWeights(f"{weights.what} is not needed here")


async def _vitals(session: aiohttp.ClientSession, port: int) -> dict[str, Any]:
    async with session.get(f"http://127.0.0.1:{port}/vitals") as answer:
        told: dict[str, Any] = await answer.json()
    return told
