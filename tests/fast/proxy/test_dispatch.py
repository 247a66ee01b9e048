"""Dispatching against a real LiveKit server and a worker that speaks the real protocol."""

from __future__ import annotations

import asyncio

import pytest

from proxy.dispatch import decision, reconciler
from proxy.dispatch.records import DispatchPolicy, Records


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a poll that happens every second."""
    monkeypatch.setattr(reconciler, "POLL_S", 0.1)
    monkeypatch.setattr(reconciler, "POLL_WORKER_S", 0.1)
    monkeypatch.setattr(decision, "TAKEN_S", 1.0)
    monkeypatch.setattr(decision, "CLOCKS_S", 0.1)


def test_records_are_bounded_and_never_forget_a_busy_room() -> None:
    records = Records(DispatchPolicy("voice", 15.0, 600.0), limit=2)
    first, second = records.claim("1"), records.claim("2")
    assert first is not None
    assert second is not None
    assert records.claim("1") is first
    assert records.claim("3") is not None  # takes the place of "2", asked for longest ago
    assert records.get("2") is None
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(first.lock.acquire())
        third = records.get("3")
        assert third is not None
        loop.run_until_complete(third.lock.acquire())
        assert records.claim("4") is None
    finally:
        loop.close()
