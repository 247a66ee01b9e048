"""A healthy call that is cut: the stage whose proof is missing is named, and no other.

What has to come out of each stage stands in the stages' files (`Link`); here it stands once more,
as people would say it: which stage is to blame when an event, and all that follows from it, does
not come (`BLAMED`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import STAGES, Event, Stage
from proxy.verdicts.call_view import CallView
from proxy.verdicts.history import History, order
from proxy.verdicts.judge import failing, judge
from proxy.verdicts.stages import rules_of
from proxy.verdicts.verdict import Verdict
from tests.fast.verdicts.replay import BEGAN, HEALTHY, HISTORIES, all_rows, events_of, read

HEALTH = {
    path.stem: replace(HEALTHY, usual=read(path).get("usual", {}))
    for path in sorted((HISTORIES / "healthy").glob("*.json"))
}
HEALTHY_CALLS = {
    path.stem: sorted(events_of(all_rows(read(path))), key=order)
    for path in sorted((HISTORIES / "healthy").glob("*.json"))
}
BLAMED: dict[str, Stage] = {
    "token.received": "token",
    "signal.connecting": "signal",
    "signal.connected": "signal",
    "media.connected": "media",
    "dispatch.requested": "dispatch",
    "dispatch.received": "dispatch",
    "dispatch.made": "dispatch",
    "dispatch.found": "dispatch",
    "job.state": "dispatch",
    "job.accepted": "job",
    "job.handshake_start": "job",
    "job.ctx_connected": "job",
    "job.session_started": "join",
    "join.agent_ready": "join",
    "hear.speech_ended": "hear",
    "transcribe.started": "transcribe",
    "transcribe.done": "transcribe",
    "think.request": "think",
    "think.tool_return": "think",
    "think.first_token": "think",
    "think.done": "think",
    "speak.request": "speak",
    "speak.first_byte": "speak",
    "speak.done": "speak",
    "play.speaking": "play",
    "play.audible": "play",
    "play.silent": "play",
}
LONG_S = 200.0
"""After so long nothing waits any more."""
LOOKED_AT = 6
"""Moments of a call at which it is judged, from a drawn one on."""
EXAMPLES = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
CALLS = st.sampled_from(sorted(HEALTHY_CALLS))
SPEECH = ("hear.speech_started", "hear.speech_ended")
SEEN_BY_PAGE = ("join.agent_joined", "join.agent_ready")
TURN_OVER = ("play.turn", "play.interrupted")
HALF_DONE: tuple[tuple[Stage, ...] | Any, ...] = (
    ("hear", *SPEECH),
    ("hear", "hear.microphone_enabling", "hear.microphone_on", "hear.microphone_failed"),
    ("think", "think.first_token", "think.done", *TURN_OVER),
    ("speak", "speak.first_byte", "speak.done", "play.silent", *TURN_OVER),
    ("play", "play.speaking", "play.silent", *TURN_OVER),
    ("join", "job.ended", "signal.participant_left"),
)
"""What has begun and must end: its stage, the begin, and the ends."""
HALF_DONE_BY_ANOTHER: tuple[tuple[Stage, ...] | Any, ...] = (
    *(row for row in HALF_DONE if row[0] != "think"),
    ("think", "think.first_token", "speak.first_byte", "play.speaking", "think.done", *TURN_OVER),
)
ENDS = ("media.disconnected", "signal.participant_left", "signal.room_finished")


def judged(name: str, events: Iterable[Event], now: float) -> dict[Stage, Verdict]:
    return judge(History(events), HEALTH[name], now)


def shown(verdicts: dict[Stage, Verdict]) -> str:
    return "\n".join(f"{v.stage}: {v.state} [{v.cause}] {v.sentence}" for v in verdicts.values())


def blamed(kept: list[Event], rest: list[Event]) -> Stage | None:
    """The stage whose proof is missing when all of `rest` does not come; None: nothing is due."""
    had = {event.topic for event in kept}
    if not had & {"token.requested", "signal.participant_joined", "dispatch.received"}:
        return None  # a token was given out, and need not be used
    half_done = HALF_DONE if _by_worker(kept, rest) else HALF_DONE_BY_ANOTHER
    late = [_next_of_all(kept, rest), *(stage for stage, *of in half_done if _open(kept, *of))]
    return min((stage for stage in late if stage is not None), key=STAGES.index, default=None)


def _next_of_all(kept: list[Event], rest: list[Event]) -> Stage | None:
    """Whose turn it was: the stage of the first missing event that had to come."""
    tabs = sum(event.topic == "token.requested" for event in kept)
    by_worker = _by_worker(kept, rest)
    there = _open(kept, "join.participant_joined", "join.participant_left", "job.ended")
    for event in rest:
        if there and event.stage == "dispatch":
            continue  # of another tab: the agent is in the room
        if event.topic == "join.agent_ready" and tabs > 1 and not _open(kept, *SEEN_BY_PAGE):
            continue  # another tab has not seen the agent yet
        if event.topic in ("hear.speech_started", "hear.typed", "token.requested", *ENDS):
            return None  # nobody has to speak, to come again, or to hang up
        if event.topic == "think.request" and not _said_something(kept):
            return None
        if event.topic in ("transcribe.started", "transcribe.done") and _open(kept, *SPEECH):
            return "hear"
        if event.topic == "join.participant_joined" and not by_worker:
            # An agent that is not ours: the server names its job, if it was asked for.
            return "job" if _has(kept, "job.state") else "dispatch"
        if event.topic == "transcribe.done" and not by_worker and _said_something(kept):
            continue  # the transcript itself was the proof
        if event.topic == "think.done" and not by_worker and _has(kept, "speak.first_byte"):
            continue  # its model is not told apart from its voice
        if event.topic == "play.track_published" and not by_worker:
            return "join"  # the first sign that its session runs
        if event.topic == "play.audible" and not _has(kept, "play.speaking"):
            return None  # of an agent that does not tell when it speaks
        if event.topic == "job.ctx_connected" and _has(kept, "join.participant_joined"):
            return "join"
        if event.topic in BLAMED:
            return BLAMED[event.topic]
    return None


def _by_worker(*parts: list[Event]) -> bool:
    """Whether our own worker has the call; another's is only seen in the room."""
    return any(_has(part, "job.accepted") for part in parts)


def _open(kept: list[Event], begun: str, *ended: str) -> bool:
    """Whether this has begun and not ended."""
    names = [event.topic for event in kept if event.topic in (begun, *ended)]
    return bool(names) and names[-1] == begun


def _has(kept: list[Event], topic: str) -> bool:
    return any(event.topic == topic for event in kept)


def _said_something(kept: list[Event]) -> bool:
    """Whether the caller has said or typed words since Letta was asked last."""
    for event in reversed(kept):
        if event.topic == "think.request":
            return False
        words = event.topic in ("transcribe.transcript", "transcribe.done", "hear.typed")
        if words and event.data.get("text"):
            return True
    return False


@pytest.mark.parametrize("name", sorted(HEALTHY_CALLS))
def test_the_stage_whose_proof_is_missing_is_named(name: str) -> None:
    """The call is cut at each of its events: that one and all after it do not come."""
    for kept, rest in cuts(HEALTHY_CALLS[name]):
        at = f"cut at {rest[0].at - BEGAN:.2f} s, {rest[0].topic}"
        expected = blamed(kept, rest)
        early = judged(name, kept, kept[-1].at + 0.1)
        assert failing(early) is None, f"{at}: too early\n{shown(early)}"
        late = judged(name, kept, kept[-1].at + LONG_S)
        assert failing(late) == expected, f"{at}: {expected} is to blame\n{shown(late)}"
        assert not [one for one in late.values() if one.state == "waiting"], f"{at}\n{shown(late)}"
        if expected is not None:
            verdict = late[expected]
            assert verdict.evidence and verdict.next, verdict
            assert verdict.since is not None and verdict.since <= kept[-1].at, verdict


def cuts(events: list[Event]) -> Iterable[tuple[list[Event], list[Event]]]:
    """The events before and after each place at which a call can be cut while it goes on."""
    for place in range(1, len(events)):
        if events[place - 1].topic in ENDS:
            return
        yield events[:place], events[place:]


def assert_proven(events: list[Event], verdicts: dict[Stage, Verdict], now: float) -> None:
    """No stage is ok without a proof, and none that owes something."""
    call = CallView(History(events), HEALTHY, now)
    for stage, verdict in verdicts.items():
        if verdict.state != "ok":
            continue
        assert verdict.evidence, f"{stage} is ok without a proof: {verdict}"
        assert call.ended is not None or not any(
            link.unpaid(call) for link in rules_of(call)[stage].links
        ), f"{stage} is ok and owes something: {verdict}"


@settings(EXAMPLES, max_examples=200)  # each judges many moments
@given(CALLS, st.data())
def test_what_networks_do_is_no_failure(name: str, data: st.DataObject) -> None:
    """Events come late by up to half a second, twice, and in any order."""
    events = HEALTHY_CALLS[name]
    delays = data.draw(st.lists(st.floats(0, 0.5), min_size=len(events), max_size=len(events)))
    twice = data.draw(st.sets(st.integers(0, len(events) - 1), max_size=5))
    arrivals = sorted(
        [*zip(delays, events, strict=True), *((0.5, events[place]) for place in twice)],
        key=lambda pair: pair[1].at + pair[0],
    )
    first = data.draw(st.integers(0, len(arrivals) - 1))
    history = History(event for _, event in arrivals[:first])
    for delay, event in arrivals[first : first + LOOKED_AT]:
        history.add(event)
        verdicts = judge(history, HEALTH[name], event.at + delay)
        assert failing(verdicts) is None, f"{event}\n{shown(verdicts)}"


@EXAMPLES
@given(CALLS, st.data())
def test_one_event_that_is_lost_makes_nothing_ok(name: str, data: st.DataObject) -> None:
    """What comes after it does come: the call goes on, and no stage claims what it has not got."""
    events = HEALTHY_CALLS[name]
    lost = data.draw(st.integers(0, len(events) - 1))
    until = data.draw(st.integers(1, len(events)))
    kept = [event for place, event in enumerate(events[:until]) if place != lost]
    now = events[until - 1].at + data.draw(st.sampled_from((0.1, 2.0, 8.0, LONG_S)))
    assert_proven(kept, judged(name, kept, now), now)


WRONG: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([]), st.just({})
)


@EXAMPLES
@given(CALLS, st.data())
def test_one_field_that_is_wrong_breaks_nothing(name: str, data: st.DataObject) -> None:
    """Whatever an agent that is not ours writes into an event, it is judged."""
    events = HEALTHY_CALLS[name]
    place = data.draw(st.integers(0, len(events) - 1))
    event = events[place]
    keys = sorted(event.data) or ["text"]
    key = data.draw(st.sampled_from(keys))
    changed = replace(event, data={**event.data, key: data.draw(WRONG)})
    until = data.draw(st.integers(place + 1, len(events)))
    kept = [*events[:place], changed, *events[place + 1 : until]]
    now = kept[-1].at + data.draw(st.sampled_from((0.1, 2.0, 8.0)))
    assert_proven(kept, judged(name, kept, now), now)
