"""hear: from the caller's microphone to the agent's ear, and where an utterance ends."""

from __future__ import annotations

from common.events import Event
from proxy.verdicts.call_view import CallView
from proxy.verdicts.rules import Link, Rules
from proxy.verdicts.verdict import Verdict

ASKED_S = 60.0
"""Seconds a person may take to answer the browser's question."""
SILENT_S = 4
"""Seconds of figures without any sound. A real microphone hisses; none delivers plain zeros."""
SILENCE = 0.00002
LOUD, LOUD_FIGURES, LOUD_WINDOW_S = 0.02, 4, 12.0
"""A level of speech at the page, in how many figures of the last seconds."""
FAINT = 0.0005
"""What arrives below this is silence."""
ARRIVES_S = 9.0
"""Seconds in which the worker tells twice how loud it hears."""
CLIPPED, CLIPPED_FIGURES, CLIPPED_WINDOW_S = 0.02, 2, 30.0
ENDLESS_S, ENDLESS_WITH_WORDS_S = 8.0, 10.0
"""Nobody speaks for so long without a pause; who does says words."""
LONG_S = 6.0
UNPLUGGED = "Unplugged"
"""The page's own reason beside those of getUserMedia."""
MUTED_BY = {
    "caller": ("the caller", "Press Unmute."),
    "system": (
        "this computer or the headset",
        "Switch it on again: a key of the headset or the keyboard, or the system settings.",
    ),
    "server": ("the LiveKit server", "Press Unmute; who calls MutePublishedTrack?"),
}
TYPE = "The call goes on by typing."

stage = Rules(
    "hear",
    usual_ms=80,
    works=("hear.microphone_on", "hear.speech_started", "hear.track_published"),
)


def _loud(call: CallView) -> Event | None:
    """Since when the microphone has been sending sound of which the agent has got none.

    Only an agent that tells how loud it hears (`hear.level`, ours) owes that.
    """
    if call.last("hear.vad") is None or not call.agents:
        return None
    since = max(call.now - LOUD_WINDOW_S, _open_since(call))
    loud = [
        event
        for event in call.all("media.stats", since=since)
        if isinstance(level := event.data.get("level_in"), int | float) and level >= LOUD
    ]
    if len(loud) < LOUD_FIGURES:
        return None
    heard = call.last("hear.level")
    if heard is not None and heard.at > since and heard.data.get("level", 0.0) >= FAINT:
        return None
    speech = call.last("hear.speech_started")
    return None if speech is not None and speech.at > since else loud[0]


def _open_since(call: CallView) -> float:
    """When the last of microphone and agent was ready for sound."""
    ready = call.last("hear.microphone_on", "hear.muted", "job.session_started", "join.agent_ready")
    return ready.at if ready is not None else 0.0


@stage.cause("sound-does-not-arrive")
def does_not_arrive(call: CallView) -> Verdict | None:
    """The page measures sound at the microphone, and the worker none at its end."""
    loud = _loud(call)
    if loud is None or call.age(loud) < ARRIVES_S:
        return None
    heard = call.last("hear.level")
    at_end = (
        f"only silence arrives at the agent (level {heard.data.get('level', 0.0):.2g})"
        if heard is not None and call.age(heard) < LOUD_WINDOW_S
        else "nothing of it arrives at the agent"
    )
    return stage.failing(
        f"The microphone sends sound (level {loud.data.get('level_in'):.2g} for "
        f"{call.age(loud):.0f} s), but {at_end}.",
        "Disconnect and connect again. If it stays so: is the caller's track the one that the "
        "agent is subscribed to (another participant may be linked), and does the LiveKit server "
        "forward it? ./restart_voice_system.sh logs livekit",
        loud,
        heard,
        call.last("hear.track_published"),
        since=loud.at,
    )


@stage.cause("sound-clipped")
def clipped(call: CallView) -> Verdict | None:
    """It arrives as loud as can be, so words are cut off."""
    levels = call.all("hear.level", since=call.now - CLIPPED_WINDOW_S)
    shares = [share for event in levels if (share := event.data.get("clipped", 0.0)) >= CLIPPED]
    if len(shares) < CLIPPED_FIGURES:
        return None
    return stage.ok(
        f"The caller's sound is clipped: {max(shares):.0%} of it is as loud as can be, which costs "
        "words.",
        levels[-1],
        next="Lower the input level of the microphone in the system settings.",
    )


stage.owes(
    Link(
        given="the page asked for the microphone",
        owed="it is on",
        told_by="the page",
        within_s=ASKED_S,
        doing="The browser asks for the microphone; it may be showing a question.",
        since=("hear.microphone_enabling",),
        by=("hear.microphone_on",),
        unless=("hear.microphone_failed", "hear.typed"),
        likely=("Allow the microphone, should the browser ask.",),
    ),
)


def _not_opened(call: CallView) -> Event | None:
    """The failure to open the microphone, unless it is on since."""
    failed = call.last("hear.microphone_failed")
    return None if failed is None or call.after(failed, "hear.microphone_on") else failed


def _reason(failed: Event) -> str:
    return str(failed.data.get("reason") or failed.data.get("cause") or "")


def _unplugged(call: CallView) -> Event | None:
    """The end of the microphone's track in the call, unless it is on since."""
    ended = call.last("hear.track_ended")
    return None if ended is None or call.after(ended, "hear.microphone_on") else ended


def _without_microphone(
    call: CallView, failed: Event, sentence: str, next: str, *more: Event
) -> Verdict:
    """A call without a microphone fails to hear, unless the caller writes instead."""
    if call.after(failed, "hear.typed") is not None:
        return stage.ok(f"{sentence} {TYPE}", failed, *more, next=next, since=failed.at)
    return stage.failing(sentence, next, failed, *more, since=failed.at)


@stage.cause("page-not-secure")
def page_not_secure(call: CallView) -> Verdict | None:
    """Browsers capture no sound for a page that is neither https nor on localhost."""
    page = call.last("token.page")
    if page is None or page.data.get("secure") is not False:
        return None
    if call.last("hear.microphone_on") is not None:
        return None
    failed = call.last("hear.microphone_failed")
    if failed is None and call.last("media.connected", "hear.microphone_enabling") is None:
        return None  # known already, but nobody has come so far as to need it
    return _without_microphone(
        call,
        failed or page,
        "Browsers give no microphone to a page that is not secure, and "
        f"{page.data.get('origin', 'the address of this one')} is not.",
        "Open the page at http://localhost:9000, or serve it over https.",
        page,
    )


def microphone_cause(code: str, reasons: tuple[str, ...], sentence: str, step: str) -> None:
    """Register why the microphone was not opened, by getUserMedia's reasons.

    What the page says itself comes before `sentence` and `step`.
    """

    @stage.cause(code)
    def not_opened(call: CallView) -> Verdict | None:
        failed = _not_opened(call)
        if failed is None or _reason(failed) not in reasons:
            failed = _unplugged(call) if UNPLUGGED in reasons else None
        if failed is None:
            return None
        what, next_step = failed.data.get("what") or sentence, failed.data.get("next") or step
        return _without_microphone(call, failed, str(what), str(next_step))


microphone_cause(
    "microphone-denied",
    ("NotAllowedError", "PermissionDeniedError", "SecurityError"),
    "The browser was not allowed to use the microphone.",
    "Allow the microphone in the site settings (left of the address), then press Try again.",
)
microphone_cause(
    "microphone-none",
    ("NotFoundError", "DevicesNotFoundError", "OverconstrainedError", UNPLUGGED),
    "No microphone was found.",
    "Plug one in, or choose another input in the system settings; then press Try again.",
)
microphone_cause(
    "microphone-busy",
    ("NotReadableError", "TrackStartError", "AbortError"),
    "The microphone could not be opened; another program may be using it.",
    "Close that program, then press Try again.",
)


@stage.cause("microphone-failed")
def failed_otherwise(call: CallView) -> Verdict | None:
    """A failure that getUserMedia has no common name for."""
    failed = _not_opened(call)
    if failed is None:
        return None
    what = failed.data.get("what") or f"The microphone failed ({failed.data.get('reason')})."
    step = failed.data.get("next") or "Press Try again; chrome://settings/content/microphone."
    return _without_microphone(call, failed, str(what), str(step))


@stage.cause("microphone-muted")
def muted(call: CallView) -> Verdict | None:
    mute = call.last("hear.muted")
    if mute is None or not mute.data.get("muted"):
        return None
    if call.after(mute, "hear.microphone_on", "hear.speech_started") is not None:
        return None
    by, step = MUTED_BY.get(str(mute.data.get("by")), MUTED_BY["caller"])
    return stage.waiting(f"The microphone is muted by {by}.", mute, next=step, since=mute.at)


@stage.cause("microphone-silent")
def silent(call: CallView) -> Verdict | None:
    """It is on, and delivers nothing at all: muted by a switch, or the wrong device."""
    opened = call.last("hear.microphone_on", "hear.track_published")
    if opened is None or call.last("hear.microphone_on") is None:
        return None
    figures = call.all("media.stats", since=max(opened.at, call.now - SILENT_S - 4.0))
    levels = [
        (event, level)
        for event in figures
        if isinstance(level := event.data.get("level_in"), int | float)
    ][-SILENT_S:]
    if len(levels) < SILENT_S or any(level > SILENCE for _, level in levels):
        return None
    first, last = levels[0][0], levels[-1][0]
    heard = call.last("hear.speech_started")
    if heard is not None and heard.at >= opened.at:
        return None  # it did deliver sound, so this is a silent caller or a gate that is closed
    if not _never_sounded(call, opened):
        return None
    on = call.last("hear.microphone_on") or opened
    label = on.data.get("label") or "The microphone"
    return _without_microphone(
        call,
        opened,
        f"{label} is on and its track is published, but it delivers no sound at all: level 0 for "
        f"{last.at - first.at + 1:.0f} s.",
        "Is it switched off by a key or a slider, or is it the wrong input? Choose another in the "
        "system settings, then speak.",
    )


def _never_sounded(call: CallView, opened: Event) -> bool:
    """Whether the microphone has delivered nothing since it was switched on."""
    for event in reversed(call.all("media.stats", since=opened.at)[-60:]):
        level = event.data.get("level_in")
        if isinstance(level, int | float) and level > SILENCE:
            return False
    return True


@stage.cause("no-end-of-utterance")
def endless(call: CallView) -> Verdict | None:
    """Sound that counts as speech goes on and on, so the caller's turn never ends."""
    begun = call.last("hear.speech_started")
    if begun is None or call.after(begun, "hear.speech_ended") is not None:
        return None
    age = call.age(begun)
    words = call.after(begun, "transcribe.transcript")
    limit = ENDLESS_WITH_WORDS_S if words is not None else ENDLESS_S
    if age < LONG_S:
        return None
    if age < limit:
        return stage.waiting(
            f"The caller has been speaking for {age:.0f} s without a pause; a turn ends after 0.3 "
            "s of silence at the soonest.",
            begun,
            words,
            since=begun.at,
        )
    return stage.failing(
        f"Speech is heard for {age:.0f} s without a pause, so the caller's turn does not end: "
        "it may be noise that counts as speech.",
        "Mute the microphone for a moment, then move it away from the noise; or raise "
        "VAD_THRESHOLD (0.5): under Listening on the page for the next call, in .env for all.",
        begun,
        words,
        since=begun.at,
    )


@stage.cause("vad-missing")
def vad_missing(call: CallView) -> Verdict | None:
    """The call has another way to find the end of an utterance, which is slower."""
    degraded = call.last("job.degraded", what="vad") or call.last(
        "job.degraded", what="voice activity detection"
    )
    if degraded is None:
        return None
    return stage.ok(
        f"Voice activity detection could not be loaded ({degraded.data.get('error')}): "
        f"{degraded.data.get('consequence')}.",
        degraded,
        next="./restart_voice_system.sh agent; its log says why it could not be loaded.",
    )


@stage.proof
def proof(call: CallView) -> Verdict | None:
    on = call.last("hear.microphone_on")
    speech = call.last("hear.speech_started")
    if speech is not None and (on is None or speech.at >= on.at):
        level = call.last("hear.level")
        loud = f", at level {level.data.get('level', 0.0):.2g}" if level is not None else ""
        linked = call.last("hear.linked")
        who = f" ({linked.data['identity']})" if linked and linked.data.get("identity") else ""
        return stage.ok(
            f"The agent hears the caller{who}{loud}.",
            speech,
            level,
            linked,
            ms=on.data.get("ms") if on else None,
        )
    published = call.last("hear.track_published")
    words = call.last("transcribe.transcript")
    if not call.is_ours and words is not None:
        return stage.not_told(
            "The agent transcribes the caller; it does not tell when it hears speech.", words
        )
    if on is not None:
        label = on.data.get("label") or "The microphone"
        return stage.not_seen(f"{label} is on; {_unheard(call)}.", on, published)
    if published is not None:
        return stage.not_seen(f"The caller's sound is published; {_unheard(call)}.", published)
    if (typed := call.typed) is not None:
        return stage.not_seen("The caller writes; nothing was to be heard.", typed)
    return None


def _unheard(call: CallView) -> str:
    """What the agent's end knows of the caller's sound, while there was no speech in it."""
    level = call.last("hear.level")
    if level is None:
        return "the agent heard no speech yet"
    return f"it arrives at level {level.data.get('level', 0.0):.2g}, without speech so far"
