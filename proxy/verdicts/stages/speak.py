"""speak: the reply becomes sound."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.history import order
from proxy.verdicts.quote import weights_are_missing
from proxy.verdicts.rules import Link, Rules
from proxy.verdicts.verdict import Verdict

SLOW_S = 3.0
RETRIED_S = 2.0
UNORDERED_S = 0.7
"""Seconds by which one event may come later than the next one."""
CLIPPED = 0.02
"""The share of samples as loud as can be from which a voice sounds harsh."""
STEP = "./restart_voice_system.sh models (offline), or look at TTS_PROVIDER, TTS_VOICE and the key"
LOG = "./restart_voice_system.sh logs agent"
ANOTHERS_STEP = "look at the text-to-speech of its worker: its settings, its address and its key"
OVER = ("play.turn", "play.interrupted", "speak.done", "speak.error")

stage = Rules("speak", usual_ms=60, works=("speak.first_byte",), timed_by="speak.first_byte")


@stage.cause("tts-silent")
def silent(call: CallView) -> Verdict | None:
    """Sound came, and nobody can hear it."""
    error = stage.unresolved(call, "speak.error", kind="silent")
    if error is None:
        return None
    return stage.failing(
        f"Text-to-speech sent {error.data.get('message')}.",
        "Is TTS_VOICE one that TTS_MODEL has, and does its server send 16 bit samples? "
        f"{_step(call)}",
        error,
        call.last("speak.request"),
        call.last("speak.done"),
        since=error.at,
    )


@stage.cause("tts-empty")
def empty(call: CallView) -> Verdict | None:
    """Text-to-speech says that it is done, and sent no sound."""
    error = stage.unresolved(call, "speak.error", kind="empty")
    if stage.unresolved(call, "speak.error", kind="silent") is not None:
        return None
    request = call.last("speak.request")
    done = call.after(request, "speak.done") if request is not None else None
    if error is None and (
        request is None
        or done is None
        or done.data.get("interrupted")
        or call.age(done) < UNORDERED_S
        or call.after(request, "speak.first_byte") is not None
        or not str(request.data.get("text", "")).strip()
        or call.after(request, "play.interrupted") is not None
    ):
        return None
    proof = error or done
    assert proof is not None
    message = f" ({error.data.get('message')})" if error is not None else ""
    return stage.failing(
        f"Text-to-speech answered without any sound{message}.",
        f"Is TTS_VOICE one that TTS_MODEL has, and its response format pcm? {_step(call)}",
        proof,
        request,
        since=proof.at,
    )


@stage.cause("tts-fails")
def fails(call: CallView) -> Verdict | None:
    errors = [
        event
        for event in (
            stage.unresolved(call, "speak.error"),
            stage.unresolved(call, "job.degraded", what="text-to-speech"),
        )
        if event is not None
    ]
    error = max(errors, key=lambda event: event.at, default=None)
    if error is None:
        return None
    what = error.data.get("message") or error.data.get("error") or "no reason was given"
    if error.data.get("recoverable") is True and call.age(error) < RETRIED_S:
        return stage.waiting(f"Text-to-speech failed ({what}) and is tried again.", error)
    return stage.failing(
        f"Text-to-speech fails: {what}. The reply is read, not heard.",
        weights_are_missing(what) or f"{_step(call)}. {LOG}",
        error,
        call.last("speak.request"),
        since=error.at,
    )


@stage.cause("tts-stalls")
def stalls(call: CallView) -> Verdict | None:
    gap = call.after(call.last("speak.first_byte"), "speak.stalled")
    begun = call.last("speak.first_byte") is not None
    if (
        begun
        and gap is not None
        and call.after(gap, "speak.resumed", "speak.request", *OVER) is None
    ):
        return stage.late(
            "Text-to-speech stopped in the middle of the reply: no sound for "
            f"{call.age(gap) + float(gap.data.get('seconds') or 0):.1f} s.",
            f"Is its server overloaded or stopped? {_step(call)}. {LOG}",
            gap,
            call.last("speak.first_byte"),
            since=gap.at,
        )
    request = _unanswered(call)
    if request is None or call.age(request) < stage.limit(call, SLOW_S):
        return None
    return stage.late(
        f"Text-to-speech has sent no sound for {call.age(request):.1f} s{stage.usually(call)}.",
        f"Is its server overloaded or stopped? {_step(call)}. {LOG}",
        request,
        since=request.at,
    )


def _step(call: CallView) -> str:
    return STEP if call.is_ours else ANOTHERS_STEP


@stage.proof
def proof(call: CallView) -> Verdict | None:
    first = call.last("speak.first_byte")
    speaking = call.last("play.speaking")
    if first is None and not call.is_ours and speaking is not None:
        return stage.ok("The agent speaks.", speaking)
    if first is None:
        return stage.not_seen("Nothing was to be spoken yet.")
    done = call.after(first, "speak.done")
    return stage.ok(f"The reply is spoken{_sound(done)}.", first, done, ms=first.data.get("ms"))


def _sound(done: Event | None) -> str:
    """How much sound came, how loud it is, and how much of it is too loud to be clear."""
    length = done.data.get("seconds") if done is not None else None
    if done is None or not isinstance(length, int | float):
        return ""
    level = done.data.get("level")
    loud = f" at level {level:.2g}" if isinstance(level, int | float) else ""
    share = done.data.get("clipped")
    too_loud = isinstance(share, int | float) and share >= CLIPPED
    clipped = f", {share:.0%} of it clipped" if too_loud else ""
    return f": {length:.1f} s of sound{loud}{clipped}"


def _unanswered(call: CallView) -> Event | None:
    """What text-to-speech was asked for, while no sound came of it."""
    request = call.last("speak.request")
    whole, written = call.last("think.done"), call.last("think.first_token")
    turn = whole.data.get("turn") if whole is not None else None
    # A reply that is whole and of which nothing was given to text-to-speech.
    if whole is not None and written is not None and written.data.get("turn") == turn:
        asked = request is not None and (
            request.data.get("turn") == turn or order(request) > order(written)
        )
        if not asked and call.last("speak.first_byte", turn=turn) is None:
            return whole if call.after(whole, *OVER) is None else None
    if request is None:
        return None
    if call.after(request, "speak.first_byte", *OVER) is not None:
        return None
    return request


stage.owes(
    Link(
        given="there were words to be spoken",
        owed="their sound begins to come",
        told_by="the worker, by the provider's answer",
        within_s=SLOW_S + 2.0,
        doing="The reply becomes sound.",
        since=_unanswered,
        by=(),
        likely=(f"Is text-to-speech overloaded or stopped? {STEP}", LOG),
        asks=("models",),
    ),
    Link(
        given="the sound of the reply began to come",
        owed="it came whole",
        told_by="the worker",
        within_s=120.0,
        doing="The reply is spoken.",
        since=("speak.first_byte",),
        by=("speak.done",),
        unless=("speak.request", "speak.error", "play.silent", "play.turn", "play.interrupted"),
        likely=(f"Has text-to-speech stalled? {STEP}", LOG),
        asks=("models",),
    ),
)
