"""play: the agent's voice reaches the caller's ear."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Rules
from proxy.verdicts.verdict import Verdict

INAUDIBLE_S = 3.0
SOUND = 0.0005
"""A level below it is not a voice; that of silence is 0."""
FIGURES = 2
LATE_S = 4.0
PLAYED = ("play.speaking", "play.turn", "play.interrupted", "play.silent")
"""What shows that the sound of a reply was played, or is not to be any more."""

stage = Rules("play", usual_ms=100, works=("play.audio_started", "play.audible"))


stage.event_cause(
    "autoplay-blocked",
    "play.audio_blocked",
    "The browser holds the agent's sound back until somebody touches the page.",
    "Press Start audio.",
)


@stage.cause("not-subscribed")
def not_subscribed(call: CallView) -> Verdict | None:
    """The agent speaks, and the page never got its track."""
    speaking = _speaking(call)
    if speaking is None or call.last("media.stats") is None or call.age(speaking) < INAUDIBLE_S:
        return None
    if call.last("play.track_subscribed", "play.audible") is not None or _heard(call, speaking):
        return None
    if call.last("play.track_published") is None:
        return None
    return stage.failing(
        f"The agent has been speaking for {call.age(speaking):.0f} s, but this page did not get "
        "its track.",
        "The token needs canSubscribe; a page made by hand must not switch autoSubscribe off.",
        speaking,
        call.last("play.track_published"),
        since=speaking.at,
    )


@stage.cause("agent-inaudible")
def inaudible(call: CallView) -> Verdict | None:
    """The agent says that it speaks, and nothing of it arrives."""
    speaking = _speaking(call)
    if speaking is None or call.age(speaking) < INAUDIBLE_S:
        return None
    figures = _levels(call, speaking)
    if len(figures) < FIGURES or any(level > SOUND for _, level in figures):
        return None
    if call.after(speaking, "play.audible") is not None:
        return None
    return stage.failing(
        f"The agent has been speaking for {call.age(speaking):.0f} s, but its sound arrives silent "
        f"here (level {figures[-1][1]:g}).",
        "Does text-to-speech send silence, or is the agent's track muted? Restart it: "
        "./restart_voice_system.sh agent",
        speaking,
        figures[-1][0],
        since=speaking.at,
    )


@stage.cause("late-playout")
def late_playout(call: CallView) -> Verdict | None:
    """There is sound, and the session does not begin to play it."""
    first = call.last("speak.first_byte")
    if (
        first is None
        or call.age(first) < LATE_S
        or call.after(first, *PLAYED, "speak.error") is not None
    ):
        return None
    return stage.late(
        f"The first sound of the reply was made {call.age(first):.1f} s ago and is not played "
        "(usually 0.1 s).",
        "Is the worker short of CPU? Its log: ./restart_voice_system.sh logs agent",
        first,
        since=first.at,
    )


@stage.progress
def progress(call: CallView) -> Verdict:
    first = call.last("speak.first_byte")
    spoken = call.last("play.speaking")
    if first is not None and call.after(first, *PLAYED) is None:
        return stage.waiting(
            f"The first sound is on its way{stage.usually()}.", first, since=first.at
        )
    request = call.last("speak.request")
    if (
        request is not None
        and spoken is not None
        and spoken.at >= request.at
        and call.after(request, "speak.first_byte") is None
    ):
        return stage.not_reached("Nothing was sent that can be heard.")
    if spoken is not None:
        audible = call.last("play.audible") or spoken
        return stage.ok("The agent is heard.", spoken, audible if audible is not spoken else None)
    return stage.not_reached("The agent has not spoken yet.")


def _speaking(call: CallView) -> Event | None:
    """The begin of what the agent says now."""
    begun = call.last("play.speaking")
    if (
        begun is None
        or call.after(begun, "play.silent", "play.interrupted", "play.turn") is not None
    ):
        return None
    return begun


def _levels(call: CallView, since: Event) -> list[tuple[Event, float]]:
    return [
        (event, float(level))
        for event in call.all("media.stats", since=since.at + 0.5)
        if isinstance(level := event.data.get("level_out"), int | float)
    ]


def _heard(call: CallView, since: Event) -> bool:
    return any(level > SOUND for _, level in _levels(call, since))
