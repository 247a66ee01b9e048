"""An agent that shows only its state and transcripts has turns, too."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common import event_check
from proxy.observer.plain_events import PlainReader
from proxy.observer.session_events import Told


def topics(told: list[Told]) -> list[str]:
    return [f"{one.stage}.{one.name}" for one in told]


def test_a_turn() -> None:
    reader = PlainReader()
    told = [
        *reader.state("listening", 1),
        *reader.caller_said("My favorite", 2, final=False),
        *reader.caller_said("My favorite color is green.", 3, final=True),
        *reader.state("thinking", 4),
        *reader.state("speaking", 5),
        *reader.agent_said("Your favorite color is green.", 7),
        *reader.state("listening", 7),
    ]
    assert topics(told) == [
        "join.agent_state",
        "transcribe.transcript",
        "transcribe.transcript",
        "join.agent_state",
        "think.request",
        "join.agent_state",
        "play.speaking",
        "think.done",
        "play.turn",
        "join.agent_state",
        "play.silent",
    ]
    turn: dict[str, Any] = told[8].data
    assert (turn["turn"], turn["user"]) == (1, "My favorite color is green.")
    assert turn["ms"] == {}, "it tells no times"


def test_a_state_that_is_told_again_is_no_news() -> None:
    reader = PlainReader()
    assert list(reader.state("listening", 1)) and not list(reader.state("listening", 2))


STEPS = st.one_of(
    st.sampled_from(["listening", "thinking", "speaking", "idle", "initializing"]).map(
        lambda state: ("state", state)
    ),
    st.tuples(st.just("caller"), st.text(max_size=10)),
    st.tuples(st.just("agent"), st.text(max_size=10)),
)


@given(st.lists(STEPS, max_size=20))
def test_whatever_it_does_becomes_events_of_the_table(steps: list[tuple[str, str]]) -> None:
    reader = PlainReader()
    for kind, value in steps:
        told = {
            "state": lambda: reader.state(value, 1.0),  # noqa: B023
            "caller": lambda: reader.caller_said(value, 1.0, final=True),  # noqa: B023
            "agent": lambda: reader.agent_said(value, 1.0),  # noqa: B023
        }[kind]()
        for one in told:
            wrong = event_check.differences("agent", f"{one.stage}.{one.name}", one.data)
            assert list(wrong) == []
