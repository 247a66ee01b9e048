"""play: the agent's voice reaches the caller's ear."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Link, Rules
from proxy.verdicts.verdict import Verdict

INAUDIBLE_S = 3.0
SOUND = 0.0005
"""A level below it is not a voice; that of silence is 0."""
FIGURES = 2
LATE_S = 4.0
ENDLESS_S = 180.0
"""A reply is not as long."""
CLOCKS_S = 3.0
"""The page tells what it hears by its own clock."""
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


@stage.proof
def proof(call: CallView) -> Verdict | None:
    spoken = call.last("play.speaking")
    if spoken is None and not call.is_ours and (heard := call.last("play.audible")) is not None:
        return stage.ok("The agent is heard.", heard)
    if spoken is None:
        return stage.not_seen("The agent has not spoken yet.")
    audible = call.last("play.audible")
    if audible is not None:
        return stage.ok("The agent is heard.", audible, spoken)
    if not call.has_page:
        return stage.not_told(
            "The agent spoke; this caller does not tell whether it is heard.", spoken
        )
    if _heard(call, spoken):
        return stage.ok("The agent is heard.", spoken)
    return stage.not_seen("The agent spoke; the page has not heard it yet.", spoken)


def _on_its_way(call: CallView) -> Event | None:
    """The first sound of a reply that is not played yet."""
    first = call.last("speak.first_byte")
    return None if first is None or call.after(first, *PLAYED) is not None else first


def _speaks_without_end(call: CallView) -> Event | None:
    """The begin of what the agent says now, when it has been saying that for very long."""
    speaking = _speaking(call)
    return None if speaking is None or call.age(speaking) < ENDLESS_S else speaking


def _not_heard(call: CallView) -> Event | None:
    """The begin of what the agent says now, while a page that could hear it does not."""
    speaking = _speaking(call)
    if speaking is None or not call.has_page or call.last("media.stats") is None:
        return None
    audible = call.last("play.audible")
    heard = audible is not None and audible.at > speaking.at - CLOCKS_S
    return None if heard or _heard(call, speaking) else speaking


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


stage.owes(
    Link(
        given="the sound of the reply began to come",
        owed="the agent speaks",
        told_by="the worker",
        within_s=LATE_S + 2.0,
        doing="The first sound is on its way.",
        since=_on_its_way,
        by=PLAYED,
        unless=("speak.error",),
        likely=("Is the worker short of CPU? Its log: ./restart_voice_system.sh logs agent",),
        asks=("agent", "livekit"),
    ),
    Link(
        given="the agent began to speak",
        owed="the page hears it",
        told_by="the page, by the level of the sound that it plays",
        within_s=INAUDIBLE_S + 3.0,
        doing="The agent speaks; the page listens for it.",
        since=_not_heard,
        by=("play.audible",),
        likely=(
            "Is the page's tab alive and its sound on? Press Start audio, or load it anew.",
            "./restart_voice_system.sh agent",
        ),
        asks=("livekit", "agent"),
    ),
    Link(
        given="the agent began to speak",
        owed="it has ended",
        told_by="the worker",
        within_s=ENDLESS_S,
        doing="The agent speaks.",
        since=_speaks_without_end,
        by=(),
        likely=("Interrupt it, or press Disconnect; ./restart_voice_system.sh logs agent",),
        asks=("agent",),
    ),
)
