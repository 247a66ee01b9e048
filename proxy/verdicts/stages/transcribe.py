"""transcribe: the caller's speech becomes words."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.quote import weights_are_missing
from proxy.verdicts.rules import Link, Rules
from proxy.verdicts.verdict import Verdict

SLOW_S = 3.0
RETRIED_S = 2.0
"""Seconds an error that is tried again may take to mend."""
SPEECH_S = 1.2
"""What is shorter may be a cough or a click, in which there are no words."""
RECENT = 60
"""Transcripts, drafts among them, in which the last words are looked for."""
MODELS = "./restart_voice_system.sh models (offline), or look at STT_PROVIDER and its key."
ANOTHERS_STEP = "Look at the speech-to-text of its worker: its settings, its address and its key."
ODD = "Is that the address of a speech-to-text server (STT_BASE_URL, OPENAI_BASE_URL)?"
LOG = "./restart_voice_system.sh logs agent"


def _is_over(call: CallView, error: Event) -> bool:
    """Whether speech-to-text has understood something since, or is there again.

    That a server is there again brings back no words that are lost.
    """
    done = call.last("transcribe.done")
    if done is not None and done.at > error.at and _text(done):
        return True
    lost = error.data.get("recoverable") is False
    return not lost and call.after(error, "transcribe.connected") is not None


stage = Rules(
    "transcribe",
    usual_ms=360,
    works=("transcribe.transcript",),
    timed_by="transcribe.done",
    over=_is_over,
)


@stage.cause("stt-fails")
def fails(call: CallView) -> Verdict | None:
    """Speech-to-text says so itself."""
    error = _error(call)
    if error is None:
        return None
    what = error.data.get("message") or error.data.get("error") or "no reason was given"
    provider = error.data.get("provider") or "Speech-to-text"
    if error.data.get("recoverable") is True and call.age(error) < RETRIED_S:
        return stage.waiting(
            f"{provider} failed once ({what}) and is tried again.", error, since=error.at
        )
    step = ODD if error.data.get("kind") == "odd" else _step(call)
    return stage.failing(
        f"Speech-to-text fails: {what}.",
        weights_are_missing(what) or f"{step} {LOG}",
        error,
        call.last("transcribe.started"),
        since=error.at,
    )


@stage.cause("stt-stalls")
def stalls(call: CallView) -> Verdict | None:
    """A recognition was asked for, and nothing came back."""
    request = _unanswered(call)
    sign = call.after(request, "transcribe.transcript") or request if request is not None else None
    if request is None or sign is None or call.age(sign) < stage.limit(call, SLOW_S):
        return None
    return stage.late(
        f"Speech-to-text has not answered for {call.age(sign):.1f} s{stage.usually(call)}"
        f"{_length(request)}.",
        f"Is the speech-to-text server overloaded or stopped? {_step(call)} {LOG}",
        call.last("transcribe.started"),
        call.last("hear.speech_ended"),
        sign if sign.topic == "transcribe.transcript" else None,
        since=sign.at,
    )


@stage.cause("stt-hears-nothing")
def hears_nothing(call: CallView) -> Verdict | None:
    """There was speech, and speech-to-text found no word in it."""
    ended = call.last("hear.speech_ended")
    if ended is None:
        return None
    length = _speech_before(call, ended)
    done = call.last("transcribe.done")
    empty = done is not None and done.at >= ended.at - length and not _text(done)
    words = _words_since(call, ended.at - length)
    if words or length < SPEECH_S:
        return None
    if not empty and (call.last("transcribe.started") is not None or call.age(ended) < SLOW_S):
        return None
    return stage.failing(
        f"Speech-to-text found no words in {length:.1f} s of speech.",
        "Was it speech, near enough to the microphone, in STT_LANGUAGE (en)? Else try another "
        "STT_MODEL or STT_PROVIDER.",
        done if empty else None,
        ended,
        since=(done.at if empty and done is not None else ended.at),
    )


def _step(call: CallView) -> str:
    return MODELS if call.is_ours else ANOTHERS_STEP


@stage.proof
def proof(call: CallView) -> Verdict | None:
    done = call.last("transcribe.done")
    words = next(
        (
            event
            for event in reversed(call.all("transcribe.transcript", "transcribe.done")[-RECENT:])
            if _text(event) and event.data.get("final")
        ),
        None,
    )
    if words is None:
        return None if done is None else stage.not_seen("No words in the last sound.", done)
    return stage.ok(f"“{_text(words)}”", words, ms=done.data.get("ms") if done else None)


def _error(call: CallView) -> Event | None:
    """The last failure of speech-to-text that stands."""
    if call.last("transcribe.error") is not None:
        return stage.unresolved(call, "transcribe.error")
    return stage.unresolved(call, "job.degraded", what="speech-to-text")


def _unanswered(call: CallView) -> Event | None:
    """The recognition that was asked for last, or the end of speech, while nothing came of it."""
    request = call.last("transcribe.started")
    answers = ("transcribe.done", "transcribe.error")
    if request is not None:
        if call.after(request, *answers) is not None or _final_after(call, request):
            return None
        # A recognition may be opened with the first sound: it owes an answer once speech is over.
        ended = call.last("hear.speech_ended")
        begun = call.last("hear.speech_started")
        speaking = begun is not None and (ended is None or ended.at < begun.at)
        if speaking:
            return None
        return ended if ended is not None and ended.at > request.at else request
    ended = call.last("hear.speech_ended")
    if ended is None or call.after(ended, "hear.speech_started", *answers) is not None:
        return None
    length = _speech_before(call, ended)
    if length < SPEECH_S or _words_since(call, ended.at - length):
        return None
    return ended if call.age(ended) < SLOW_S else None


def _final_after(call: CallView, request: Event) -> bool:
    final = call.last("transcribe.transcript", final=True)
    return final is not None and final.at >= request.at


def _words_since(call: CallView, at: float) -> bool:
    """Whether words were found; not those guessed while the caller spoke, and then withdrawn."""
    request = call.last("think.request")
    if request is not None and request.at >= at and _text(request):
        return True
    done = call.last("transcribe.done")
    return any(
        _text(event)
        for event in call.all("transcribe.transcript", "transcribe.done", since=at)
        if event.name == "done" or event.data.get("final") or done is None or event.at > done.at
    )


def _speech_before(call: CallView, ended: Event) -> float:
    """Seconds of speech that ended then."""
    begun = [
        event
        for event in call.all("hear.speech_started", since=ended.at - 60.0)
        if event.at <= ended.at
    ]
    return ended.at - begun[-1].at if begun else 0.0


def _text(event: Event) -> str:
    return str(event.data.get("text") or "").strip()


def _length(request: Event) -> str:
    length = request.data.get("seconds")
    return f" to {length:.1f} s of speech" if isinstance(length, int | float) else ""


def _draft(call: CallView) -> Event | None:
    """Words that were guessed and are not final yet, while nothing else is owed for them."""
    return call.last("transcribe.transcript", final=False)


stage.owes(
    Link(
        given="speech was sent to speech-to-text",
        owed="there are words for it",
        told_by="the worker, by the provider's answer",
        within_s=SLOW_S + 2.0,
        doing="Speech becomes words.",
        since=_unanswered,
        by=(),
        likely=(f"Is the speech-to-text server overloaded or stopped? {MODELS}", LOG),
        asks=("models",),
    ),
    Link(
        given="speech-to-text guessed words",
        owed="they are final",
        told_by="the worker",
        within_s=30.0,
        doing="Speech-to-text hears words.",
        since=_draft,
        by=("transcribe.transcript", "transcribe.done"),
        unless=("transcribe.error", "hear.speech_started", "think.request"),
        likely=(f"Did the speech-to-text server stop? {MODELS}", LOG),
        asks=("models",),
    ),
)
