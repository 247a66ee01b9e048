"""What is usual: the median of an agent's last calls, and nothing while too few are known."""

from __future__ import annotations

from typing import Any

from proxy.timeline.usual import AGENTS_MAX, CALLS, FEW, UsualTimes


def call(ms: float | None, state: str = "ok") -> list[dict[str, Any]]:
    return [{"stage": "think", "state": state, "ms": ms}, {"stage": "play", "state": "ok"}]


def test_it_is_the_median_of_the_last_calls_of_that_agent() -> None:
    usual = UsualTimes()
    for ms in (100, 20_000, 300):
        assert usual.of("slow") == {}
        usual.learn("slow", call(ms))
    assert usual.of("slow") == {"think": 300}
    assert usual.of("another") == {}
    for _ in range(CALLS):
        usual.learn("slow", call(9_000))
    assert usual.of("slow") == {"think": 9_000}


def test_calls_that_say_nothing_of_it_do_not_count() -> None:
    usual = UsualTimes()
    for _ in range(FEW):
        usual.learn(None, call(500, "failing"))
        usual.learn(None, call(None))
        usual.learn(None, None)
    assert usual.of(None) == {}


def test_it_does_not_grow_without_end() -> None:
    usual = UsualTimes()
    for number in range(AGENTS_MAX + 10):
        for _ in range(FEW):
            usual.learn(f"agent-{number}", call(number))
    known = [number for number in range(AGENTS_MAX + 10) if usual.of(f"agent-{number}")]
    assert len(known) == AGENTS_MAX and known[-1] == AGENTS_MAX + 9
