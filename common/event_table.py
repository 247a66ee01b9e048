"""The one table of events (`EVENTS`): who sends each, what it means, and what its `data` holds.

Agent and proxy send only what stands here; the page's names are compared with it by a test, and
`docs/events.md` is generated from it. An agent that is not ours may send others: they are kept and
shown as they are. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.events import SOURCES, Source


@dataclass(frozen=True)
class DataField:
    """One key of an event's data: JSON `types` it may have, and what it means, with its unit."""

    types: tuple[str, ...]
    meaning: str
    required: bool


@dataclass(frozen=True)
class EventType:
    """What the table says of one event; `open` data may have more keys than `data` names."""

    topic: str
    sources: tuple[Source, ...]
    meaning: str
    data: Mapping[str, DataField]
    open: bool = False

    @property
    def stage(self) -> str:
        return self.topic.partition(".")[0]


def _event(topic: str, sources: str, meaning: str, /, **data: str) -> EventType:
    """A row of the table. Each key of `data` is written `TYPES: meaning`, with `?` before it when
    the key may be missing; `more` stands for any other keys."""
    senders = tuple(source for source in SOURCES if source in sources.split())
    fields = {key.rstrip("_"): _field(spec) for key, spec in data.items() if key != MORE}
    return EventType(topic, senders, meaning, fields, open=MORE in data)


def _field(spec: str) -> DataField:
    types, _, meaning = spec.removeprefix("?").partition(":")
    return DataField(tuple(types.split("|")), meaning.strip(), not spec.startswith("?"))


MORE = "more"
# Keys that several events share.
_MS = "number: milliseconds it took"
_TURN = "integer: number of the turn in the call, from 1"
_WHAT = "?string: what is wrong, a sentence for the caller"
_NEXT = "?string: what to do about it, a sentence"
_ANOTHER = "string: the name of another agent than ours"
_RETRY_AFTER = "?number: seconds after which the provider lets itself be asked again"
_FAILURE = {
    "kind": "?string: kind of failure, such as `refused`, `timeout`, `rate-limited`, `status`",
    "status": "?integer|null: HTTP status of the answer",
    "retry_after": _RETRY_AFTER,
}
_PARTICIPANT = {
    "identity": "string: the participant",
    "kind": "?string: `agent`, `standard`, … as LiveKit names it",
}
_TRACK = {
    "sid": "string: LiveKit's id of the track",
    "identity": "?string: whose it is",
    "kind": "?string: `audio` or `video`",
    "source": "?string: `microphone`, …",
    "muted": "?boolean: as it was published",
}
_TRY = {
    "attempt": "integer: number of this try, from 1",
    "of": "integer: how many tries there are",
}

# fmt: off
_TABLE = (
    # The system as a whole; told to every open call.
    _event("system.process", "proxy", "A process of the system has changed.",
        name="string: livekit, models, letta, agent or proxy",
        state="string: preparing, starting, ready, restarting, failed, monitoring or stopped",
        cause="?string: code of what is wrong", detail="?string: in words", more=""),
    _event("system.probe", "proxy", "What a service answers to a question has changed.",
        name="string: what was tried, such as `livekit credentials`",
        problem="string: code, empty when all is well", detail="?string: in words", more=""),
    _event("system.timeline_full", "proxy", "The call has as many events as it may.",
        what="string: what is left out", events="integer: how many there are"),
    # Token: the page may enter the room.
    _event("token.requested", "browser", "The page asks for a token.",
        agent_id="?string|null: the chosen Letta agent", agent_name="?string|null: its name"),
    _event("token.issued", "proxy", "A token was given out.",
        identity="string: the caller it is for", expires_at="?number: seconds since the epoch"),
    _event("token.refused", "proxy", "No token is given.",
        code="string: code of the API's error", message="string: why"),
    _event("token.received", "browser", "The page has its token.",
        identity="string: the caller it is for", ms=_MS),
    _event("token.failed", "browser", "The page got no token, or the SFU refuses it.",
        what=_WHAT, next=_NEXT, code="?string: code of the API's error",
        status="?integer|null: HTTP status", reason="?string: LiveKit's reason",
        message="?string: the error's text", url="?string: address of the SFU",
        page_secure="?boolean: whether the page came by https"),
    _event("token.page", "browser", "What the page knows of itself when it has a token.",
        secure="boolean: whether the browser calls it a secure context",
        origin="string: the page's origin", signal_url="?string: address of the SFU",
        user_agent="?string: the browser",
        expires_at="?number|null: end of the token by its own words, seconds since the epoch"),
    _event("token.room_mismatch", "browser proxy", "The token is for another room.",
        wanted="string: the room asked for", token_room="string: the token's room",
        identity="?string: the caller", what=_WHAT, next=_NEXT),
    # Signal: the WebSocket to the SFU.
    _event("signal.connecting", "browser", "The page opens its connection to the SFU.",
        url="string: address of the SFU", room="?string: the room",
        again="?boolean: a call that was lost goes on"),
    _event("signal.connected", "browser", "The WebSocket is open and the room entered.", ms=_MS),
    _event("signal.failed", "browser", "The room could not be entered.", what=_WHAT, next=_NEXT,
        reason="?string: LiveKit's reason", message="?string: the error's text",
        status="?integer|null: HTTP status", url="?string: address of the SFU",
        page_secure="?boolean: whether the page came by https"),
    _event("signal.reconnecting", "browser", "The WebSocket is lost and opened again."),
    _event("signal.error", "browser", "An error of the page itself, while it connects.",
        what=_WHAT, next=_NEXT),
    _event("signal.room_started", "sfu", "The SFU has opened the room.", sid="string: its id"),
    _event("signal.room_finished", "sfu", "The SFU has closed the room.", sid="string: its id"),
    _event("signal.participant_joined", "sfu", "A caller has entered the room.", **_PARTICIPANT,
        sid="?string: LiveKit's id of this stay"),
    _event("signal.participant_left", "sfu", "A caller has left the room.", **_PARTICIPANT,
        reason="?string: LiveKit's reason", aborted="?boolean: the connection was never made"),
    # Media: ICE and DTLS.
    _event("media.connected", "browser", "The media connection is made.", ms=_MS),
    _event("media.ice", "browser", "The state of a peer connection has changed.",
        transport="string: publisher or subscriber", state="string: of ICE, as WebRTC names it",
        connection="?string: of the connection (ICE and DTLS)",
        search="?object: candidate pairs and how far they were tried"),
    _event("media.candidate_pair", "browser", "The path that sound takes.",
        transport="string: publisher or subscriber", protocol="string: udp, tcp, …",
        local="string: address", remote="string: address",
        type="?string: of the local candidate: host, srflx, relay",
        remote_type="?string: of the remote candidate",
        rtt_ms="?number|null: round trip in milliseconds"),
    _event("media.stats", "browser", "What WebRTC has measured since the last such event.",
        more="", rtt_ms="?number|null: round trip in milliseconds",
        jitter_ms="?number|null: of what comes in",
        loss_in="?number|null: share of packets that did not come in",
        loss_out="?number|null: share of packets that did not arrive there",
        bytes_in="?integer: received since", bytes_out="?integer: sent since",
        level_in="?number|null: of the microphone",
        level_out="?number|null: of the agent's sound",
        silent_s="?number|null: seconds for which the microphone has given no sound at all"),
    _event("media.reconnecting", "browser", "The media connection is lost and made again."),
    _event("media.reconnected", "browser", "It is made again.", ms=_MS),
    _event("media.disconnected", "browser", "The call is over for the page.",
        intended="boolean: whether the caller hung up", reason="?string: LiveKit's reason",
        what=_WHAT, next=_NEXT),
    _event("media.failed", "browser", "The media connection could not be made.", what=_WHAT,
        next=_NEXT, reason="?string: LiveKit's reason", message="?string: the error's text",
        status="?integer|null: HTTP status", url="?string: address of the SFU",
        page_secure="?boolean: whether the page came by https"),
    # Dispatch: somebody asks the SFU for an agent.
    _event("dispatch.requested", "browser", "The page asks the proxy for an agent.",
        agent_id="?string|null: the Letta agent", agent_name=f"?{_ANOTHER}",
        settings="?object: how the agent listens in this call"),
    _event("dispatch.received", "proxy", "The proxy was asked for an agent.",
        agent_id="string|null: the Letta agent", agent_name=f"?{_ANOTHER}",
        settings="?object|null: how the agent listens in this call"),
    _event("dispatch.answered", "proxy", "The proxy has answered the page.",
        state="string: state of the dispatch, see docs/architecture.md",
        message="string: in words"),
    _event("dispatch.accepted", "browser", "The page has the proxy's answer.",
        message="string: the answer", dispatch_id="?string: LiveKit's id of the dispatch",
        state="?string: state of the dispatch", ms=_MS),
    _event("dispatch.refused", "browser proxy", "The proxy does not dispatch.",
        code="?string: code of the API's error", message="?string: why, as the proxy tells it",
        error="?string: why, as the page tells it", next=_NEXT),
    _event("dispatch.unreachable", "browser", "The proxy did not answer the page.",
        error="string: what happened", next=_NEXT, code="?string: code of the error"),
    _event("dispatch.made", "proxy", "The SFU has taken the dispatch.",
        dispatch_id="string: LiveKit's id", **{key: f"?{spec}" for key, spec in _TRY.items()},
        ms=f"?{_MS}", agent_name="?string: the name that it asks for, if not ours"),
    _event("dispatch.found", "proxy", "A dispatch that somebody else has made for this room.",
        dispatch_id="string: LiveKit's id",
        agent_name="string: the name that it asks for"),
    _event("dispatch.retry", "proxy", "A try to dispatch has failed; there is another.", **_TRY,
        error="string: why"),
    _event("dispatch.waiting_for_worker", "proxy", "No worker has registered the wanted name.",
        message="string: in words",
        registered_name="string|null: the name the worker has registered",
        wanted="string: the name that is dispatched"),
    _event("dispatch.alarm", "proxy", "The agent is overdue.",
        message="string: what is known of it"),
    _event("dispatch.again", "proxy", "Another agent is asked for, since the first is lost.",
        reason="string: how it was lost"),
    _event("dispatch.gave_up", "proxy", "No more agents are asked for.", message="string: why"),
    _event("dispatch.verified", "proxy", "The agent is in the room.",
        identity="string: the agent", seconds="number: since the dispatch"),
    # Job: the worker's process for this call.
    _event("job.accepted", "agent", "The worker takes the job.", job_id="string: LiveKit's id",
        worker_id="?string|null: the worker's id at the SFU",
        code="?string: version of its code, eight digits", sfu="?string: its LIVEKIT_URL"),
    _event("job.refused", "agent", "The worker does not take the job.",
        job_id="string: LiveKit's id", reason="string: why"),
    _event("job.handshake_start", "agent", "The job's process has begun."),
    _event("job.ctx_connected", "agent", "The job has entered the room.",
        elapsed_ms="?number: since handshake_start"),
    _event("job.session_started", "agent", "The voice session runs.",
        elapsed_ms="?number: since handshake_start"),
    _event("job.init_done", "agent", "The agent is ready to talk.",
        elapsed_ms="?number: since handshake_start"),
    _event("job.job", "agent", "Which job this is.", job_id="string: LiveKit's id",
        room_sid="?string: id of the room", metadata="?string: of the dispatch, JSON",
        worker_id="?string|null: the worker's id at the SFU"),
    _event("job.settings", "agent", "How the agent listens in this call.",
        changed="array: settings that the dispatch has changed",
        ignored="array: settings of the dispatch that could not be used", more=""),
    _event("job.fault", "agent", "A test makes this job fail.", kind="string: how"),
    _event("job.retry", "agent", "A step of the start has failed; there is another try.",
        what="string: the step", **_TRY, error="string: why"),
    _event("job.degraded", "agent", "The call goes on without something.",
        what="string: without what", error="string: why",
        consequence="string: what the caller will notice"),
    _event("job.out_of_cpu", "agent",
        "A reply is late because the machine is out of CPU; the caller was told.",
        waited="number: seconds since the caller stopped speaking",
        cpu="number: busy share of all cores meanwhile, 0 to 1", cores="integer: of the machine",
        said="string: what the caller was told"),
    _event("job.error", "agent", "The job has failed.", message="string: the error",
        traceback="?string: of Python"),
    _event("job.health", "agent", "How the process is: each minute, and when its loop is late.",
        lag="number: seconds by which the loop was late at worst",
        errors="integer: logged so far", memory_mb="number: megabytes",
        cpu_s="number: seconds of CPU used"),
    _event("job.ended", "agent", "The agent has left the call.", reason="string: why",
        job_id="?string: LiveKit's id", lost="?string|null: how the room was lost"),
    _event("job.process_ended", "agent", "The job's process is gone, as the worker saw it.",
        job_id="string: LiveKit's id", pid="?integer|null: of the process",
        exit_code="integer|null: when it exited", signal="string|null: when a signal ended it",
        reason="string: in words", error="?string|null: last line of its traceback",
        worker_stopped="?boolean: the worker was being stopped"),
    _event("job.state", "sfu", "What the LiveKit server says of the job of another's agent.",
        job_id="string: LiveKit's id", worker_id="string: its worker, empty when none has it",
        agent_name="string: the name that was asked for", dispatch_id="string: LiveKit's id",
        state="string: pending, running, success or failed; the server hardly changes it",
        other_workers="?array: workers that had other jobs of this name within ten minutes"),
    # Join: the agent is in the room.
    _event("join.participant_joined", "sfu", "An agent has entered the room.", **_PARTICIPANT,
        sid="?string: LiveKit's id of this stay"),
    _event("join.participant_left", "sfu", "An agent has left the room.", **_PARTICIPANT,
        reason="?string: LiveKit's reason", aborted="?boolean: the connection was never made"),
    _event("join.agent_joined", "browser", "The page sees an agent.",
        identity="string: the agent", name="?string: its name",
        ms="number: milliseconds since the call began"),
    _event("join.agent_ready", "browser", "The agent can be spoken to.", ms=_MS),
    _event("join.agent_state", "browser agent", "The agent's own state has changed.",
        from_="string: before; empty at first",
        to="string: initializing, listening, thinking, speaking"),
    _event("join.agent_left", "browser", "The agent is gone.", identity="string: the agent"),
    _event("join.conversation", "agent", "The Letta conversation of this call.",
        conversation_id="string: Letta's id", agent_id="?string|null: the Letta agent",
        agent_name="?string|null: its name"),
    # Hear: microphone to agent.
    _event("hear.microphone_enabling", "browser", "The page asks for the microphone."),
    _event("hear.microphone_on", "browser", "The microphone is on.", label="?string: its name",
        ms=_MS),
    _event("hear.microphone_failed", "browser", "There is no microphone.",
        reason="string: the browser's name of the error", what=_WHAT, next=_NEXT,
        message="?string: the error's text"),
    _event("hear.muted", "browser", "The microphone was muted or unmuted.",
        muted="boolean: as it is now", by="?string: caller, server or system"),
    _event("hear.track_ended", "browser", "The microphone has stopped.", what=_WHAT),
    _event("hear.device_changed", "browser", "A sound device was plugged in or out.",
        microphones="integer: how many there are", labels="?array: their names"),
    _event("hear.track_published", "browser sfu", "The caller's track is there.", **_TRACK),
    _event("hear.track_unpublished", "browser sfu", "It is gone.", **_TRACK),
    _event("hear.typed", "browser", "The caller has typed something.", text="string: what",
        id="?string: of this message", held="?boolean: it waits for the agent"),
    _event("hear.typed_sent", "browser", "It was sent.", id="string: of the message"),
    _event("hear.typed_failed", "browser", "It could not be sent.", id="string: of the message",
        what=_WHAT, next=_NEXT),
    _event("hear.vad", "agent", "What tells speech from silence.",
        backend="string: silero or energy"),
    _event("hear.linked", "agent", "Whom the agent listens to from now on.",
        identity="string|null: the participant; null: nobody"),
    _event("hear.level", "agent", "How loud the caller's sound of the last seconds arrived.",
        seconds="number: of sound that arrived, in which this was measured",
        level="number: of its loudest 20 ms, from 0 to 1",
        clipped="number: share of samples that are as loud as can be"),
    _event("hear.speech_started", "agent", "The caller speaks."),
    _event("hear.speech_ended", "agent", "The caller is silent."),
    _event("hear.end_of_turn", "agent", "The caller pauses: how long to wait for more.",
        delay="number: seconds of silence that end the turn",
        probability="number|null: that it sounds finished; null: nobody can tell",
        text="string: what was said so far"),
    # Transcribe: sound to words.
    _event("transcribe.started", "agent", "An utterance is sent to speech-to-text.",
        seconds="number: its length"),
    _event("transcribe.connected", "agent", "Speech-to-text answers again.",
        failures="integer: tries that failed before"),
    _event("transcribe.done", "agent", "Speech-to-text has answered.", ms=_MS,
        text="string: what was heard", final="boolean: always true"),
    _event("transcribe.backchannel", "agent",
        "The caller only showed that he listens, while the agent spoke: no turn.",
        text="string: what was heard"),
    _event("transcribe.error", "agent", "A request to speech-to-text has failed.",
        message="string: the error", provider="string: which one",
        attempt="integer: number of the try", recoverable="boolean: there will be another",
        **_FAILURE),
    _event("transcribe.transcript", "agent", "Words of the caller.", text="string: so far",
        final="boolean: whether they stay"),
    _event("transcribe.segment", "browser agent", "Words of the caller, as the room shows them.",
        id="string: of the segment", text="string: so far", final="boolean: whether they stay",
        track="?string: LiveKit's id of the track"),
    # Think: Letta.
    _event("think.request", "agent", "Letta is asked.", turn=_TURN,
        text="string: what the caller said", again="?boolean: it was asked before"),
    _event("think.first_token", "agent", "The reply begins.", turn=_TURN,
        ms="number: since the request"),
    _event("think.reasoning", "agent", "What the model thinks.", text="string: as it says it"),
    _event("think.tool_call", "agent", "The model calls a tool.", id="string: of the call",
        name="string: of the tool", arguments="?string: JSON"),
    _event("think.tool_return", "agent", "What the tool gave back.", id="string: of the call",
        name="string: of the tool", status="string: success or error",
        text="?string|array|null: the answer"),
    _event("think.memory", "agent", "A tool has changed a block of the agent's memory.",
        id="string: of the tool's call", label="string: of the block",
        before="string: what it said", after="string: what it says now"),
    _event("think.usage", "agent", "What the reply cost, as Letta counts it.", more="",
        prompt_tokens="?integer: read", completion_tokens="?integer: written",
        total_tokens="?integer: both", step_count="?integer: requests to the model"),
    _event("think.retry", "agent", "Letta is asked once more.", turn=f"?{_TURN}", **_TRY,
        message="string: why", retry_after=_RETRY_AFTER),
    _event("transcribe.retry", "agent", "Speech-to-text is asked once more.", **_TRY,
        message="string: why", retry_after=_RETRY_AFTER),
    _event("speak.retry", "agent", "Text-to-speech is asked once more.", **_TRY,
        message="string: why", retry_after=_RETRY_AFTER),
    _event("think.waiting", "agent", "Letta is away; the call waits for it.",
        turn="integer|null: number of the turn", message="string: why",
        patience="number: seconds for which it waits", code="?string: code of the error",
        next_step=_NEXT, **_FAILURE),
    _event("think.back", "agent", "Letta answers again.",
        turn="integer|null: number of the turn", seconds="number: for which it was away"),
    _event("think.done", "agent", "The reply is whole.", turn=_TURN,
        ms="?number|null: since the request", stop_reason="?string|null: Letta's"),
    _event("think.error", "agent", "There is no reply.", code="?string: code of the error",
        message="string: in words", next_step="?string: what to do about it",
        retryable="?boolean: whether it may pass",
        recoverable="?boolean: there will be another try",
        provider="?string|null: `letta` or `model`: who failed", **_FAILURE),
    # Speak: words to sound.
    _event("speak.request", "agent", "Text-to-speech is asked.",
        turn="integer|null: number of the turn", text="string: what is to be said"),
    _event("speak.first_byte", "agent", "The voice begins to come, so that it can be heard.",
        turn="integer|null: number of the turn", ms="number: since the request"),
    _event("speak.stalled", "agent", "The voice has stopped in the middle.",
        turn="integer|null: number of the turn", seconds="number: for how long"),
    _event("speak.resumed", "agent", "It goes on.", turn="integer|null: number of the turn"),
    _event("speak.done", "agent", "The voice has come whole.",
        turn="integer|null: number of the turn", ms="number: since the request",
        interrupted="?boolean: nobody wants the rest", seconds="?number: of sound",
        level="?number: of its loudest 20 ms, from 0 to 1",
        clipped="?number: share of samples that are as loud as can be"),
    _event("speak.error", "agent", "A request to text-to-speech has failed.",
        message="string: the error", provider="string: which one",
        attempt="integer: number of the try", recoverable="boolean: there will be another",
        **_FAILURE),
    _event("speak.segment", "browser agent", "Words of the agent, as the room shows them.",
        id="string: of the segment", text="string: so far", final="boolean: whether they stay",
        track="?string: LiveKit's id of the track"),
    # Play: agent to ear.
    _event("play.track_published", "sfu", "The agent's track is there.", **_TRACK),
    _event("play.track_unpublished", "sfu", "It is gone.", **_TRACK),
    _event("play.track_subscribed", "browser", "The page receives the agent's track.",
        sid="string: LiveKit's id of the track", identity="?string: the agent"),
    _event("play.track_unsubscribed", "browser", "It receives it no more.",
        sid="string: LiveKit's id of the track", identity="?string: the agent"),
    _event("play.track_failed", "browser", "It could not be subscribed.",
        sid="string: LiveKit's id of the track", identity="?string: the agent"),
    _event("play.audio_started", "browser", "The browser plays sound."),
    _event("play.audio_blocked", "browser", "The browser plays no sound before a click."),
    _event("play.audible", "browser", "Sound of the agent is heard.",
        turn="?string|integer|null: the turn it belongs to", level="?number: 0 to 1"),
    _event("play.error", "browser", "An error of the page itself, in a call.", what=_WHAT,
        next=_NEXT),
    _event("play.speaking", "agent", "The agent speaks."),
    _event("play.silent", "agent", "The agent is silent."),
    _event("play.interrupted", "agent", "The caller has interrupted the agent.", turn=_TURN,
        heard="string: what the caller has heard of the reply"),
    _event("play.turn", "agent", "A turn is over: all that is known of it.", turn=_TURN,
        user="?string: what the caller said", reply="?string: what Letta replied",
        heard="?string: what the caller heard of it", interrupted="?boolean: by the caller",
        since="?number|null: when the caller fell silent, seconds since the epoch",
        ms="?object: milliseconds since then of each step"),
)
# fmt: on

EVENTS: Mapping[str, EventType] = {event_type.topic: event_type for event_type in _TABLE}
