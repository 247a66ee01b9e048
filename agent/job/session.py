"""The LiveKit session of a call: how turns are taken, and what of it becomes events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    APIConnectOptions,
    APIError,
    ModelSettings,
    room_io,
    utils,
)
from livekit.agents.llm import LLM, ChatMessage
from livekit.agents.stt import STT, STTError
from livekit.agents.tts import TTS, StreamAdapter, TTSError
from livekit.agents.vad import VAD
from livekit.agents.voice import (
    AgentStateChangedEvent,
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    SpeechCreatedEvent,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
)
from livekit.agents.voice.agent_session import SessionConnectOptions

from agent.events import Events
from agent.job.late_reply import LateReply, only
from agent.letta.llm import spoken_messages
from agent.letta.memory import SpokenMessage
from agent.settings import AgentSettings
from agent.speech.end_of_turn import EndOfTurn
from agent.speech.overlap import LONGEST_BACKCHANNEL, Overlap
from agent.speech.reports import Attempts, Degraded, Reports
from agent.speech.spoken_text import ReplyText, SpokenText, next_frame
from agent.speech.utterance_stream import SPEECH_TO_TEXT, text_is_there
from agent.turns import Turns
from common.failures import OddAnswer, words

logger = logging.getLogger("agent.session")

INPUT_RATE = 16_000  # what the detector and our speech-to-text want: nothing is resampled twice
INPUT_FRAME_MS = 32  # one window of the detector
# The codec then leaves its speech mode, which needs twice the processor time, in silence too.
OUTPUT_BITRATE = 64_000
NEVER = 10**9  # errors after which the session gives up: a call outlives its providers' outages
OUTPUT_RATE = 24_000
CHARACTERS_A_SECOND = 15.0  # of speech
SILENCE = 0.2  # seconds of a frame of silence
VOICE_OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.3, timeout=10.0)
TEXT_TO_SPEECH = "text-to-speech"  # as it is called when a call must do without it
ENDED_BY_WORDS = 0.1  # seconds in which words that came end the reply
MOST_POLITE = 3.0  # seconds for which a reply waits for a caller who speaks
LAST_WORDS_TIMEOUT = 0.5  # seconds to wait for the transcript of words said while hanging up
CANNOT_HEAR = "I cannot hear you right now. You can type to me instead."


class VoiceAgent(Agent):
    """Speaks what Letta (`llm`) writes; Letta has the instructions."""

    def __init__(
        self,
        llm: LLM[Any],
        events: Events,
        turns: Turns,
        reports: Reports,
        late: LateReply,
        overlap: Overlap,
    ) -> None:
        super().__init__(instructions="", llm=llm)
        self._overlap = overlap
        self._late = late
        self._events = events
        self._turns = turns
        self._reports = reports

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncGenerator[rtc.AudioFrame, None]:
        """The default; without a voice the words still appear, at the pace of speech.

        A caller who waits long hears why before the reply.
        """
        sentence, text = await self._late.before(text)
        if sentence:
            async for told in Agent.default.tts_node(self, only(sentence), model_settings):
                yield told
        spoken_text = SpokenText(self._events, self._turns.speech_owner)
        reply_text = ReplyText(text, spoken_text)
        began = False
        try:
            frames = Agent.default.tts_node(self, reply_text, model_settings)
            async with contextlib.aclosing(frames):
                while frame := await next_frame(frames, spoken_text):
                    if not began:
                        await self._caller_is_silent()
                    began = True
                    spoken_text.add_sound(frame)
                    yield frame
            spoken_text.done()
            self._judge(spoken_text)
        except APIError as error:
            logger.error("there is no voice for this reply: %s", error)
            spoken_text.failed()
            await reply_text.rest()
            silence = len(reply_text.text) / CHARACTERS_A_SECOND - spoken_text.seconds
            for _ in range(max(1, round(silence / SILENCE))):
                yield utils.audio.silence_frame(SILENCE, OUTPUT_RATE)
        finally:
            spoken_text.close()

    def _judge(self, spoken_text: SpokenText) -> None:
        """Sound has come; was it a voice?"""
        if spoken_text.is_audible:
            self._reports.works(TEXT_TO_SPEECH)
        elif spoken_text.seconds:
            silent = OddAnswer(
                f"{spoken_text.seconds:.1f} s of sound, all of it silent", kind="silent"
            )
            provider = self.session.tts.provider if self.session.tts else ""
            self._reports.failed("speak", silent, provider, 1, recoverable=False)

    async def _caller_is_silent(self) -> None:
        """Do not begin to speak while the caller does.

        A caller who goes on has not finished: the words that come then end this reply unheard.
        """
        if self._overlap.caller_is_silent.is_set():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MOST_POLITE):
                await self._overlap.caller_is_silent.wait()
                await text_is_there(self.session.stt, MOST_POLITE)
        await asyncio.sleep(ENDED_BY_WORDS)


def make_session(
    settings: AgentSettings,
    *,
    stt: STT[Any],
    tts: TTS[Any],
    detector: VAD,
    end_of_turn: EndOfTurn,
) -> AgentSession[None]:
    """The llm comes with the agent (VoiceAgent): it needs the session."""
    return AgentSession(
        stt=stt,
        tts=tts,
        vad=detector,
        turn_handling={
            "turn_detection": end_of_turn,
            "endpointing": {
                "mode": "fixed",
                "min_delay": settings.endpointing_min_delay,
                "max_delay": settings.endpointing_max_delay,
            },
            "interruption": {
                "enabled": settings.interruption_enabled,
                "mode": "vad",
                # Until then agent/speech/overlap.py decides, by the words that are known.
                "min_duration": max(settings.interruption_min_duration, LONGEST_BACKCHANNEL),
                # Resuming would only pause the reply, and cancel Letta's run seconds later.
                "resume_false_interruption": False,
            },
            # A speculative turn could run a memory tool on half a sentence.
            "preemptive_generation": {"enabled": False},
        },
        aec_warmup_duration=None,  # else the first reply cannot be interrupted for 3 s
        user_away_timeout=None,
        session_close_transcript_timeout=LAST_WORDS_TIMEOUT,
        conn_options=SessionConnectOptions(
            tts_conn_options=VOICE_OPTIONS, max_unrecoverable_errors=NEVER
        ),
    )


def follow_overlap(session: AgentSession[None], overlap: Overlap, settings: AgentSettings) -> None:
    """Let `overlap` know what the agent does, and stop it."""

    @session.on("agent_state_changed")
    def _agent_state(ev: AgentStateChangedEvent) -> None:
        overlap.agent_is(ev.new_state)

    @session.on("user_state_changed")
    def _user_state(ev: UserStateChangedEvent) -> None:
        if ev.new_state == "speaking":
            overlap.caller_is_silent.clear()
        else:
            overlap.caller_is_silent.set()

    overlap.interrupt_after = settings.interruption_min_duration
    if settings.interruption_enabled:
        overlap.interrupt = lambda: _interrupt(session)


def _interrupt(session: AgentSession[None]) -> None:
    speech = session.current_speech
    if speech is not None and speech.allow_interruptions and not speech.interrupted:
        speech.interrupt()


def room_options() -> room_io.RoomOptions:
    return room_io.RoomOptions(
        audio_input=room_io.AudioInputOptions(
            sample_rate=INPUT_RATE,
            frame_size_ms=INPUT_FRAME_MS,
            auto_gain_control=False,  # browsers have their own
            pre_connect_audio=False,
        ),
        audio_output=room_io.AudioOutputOptions(track_publish_options=voice_track()),
        close_on_disconnect=False,  # agent/job/room_exit.py decides when a call is over
    )


def voice_track() -> rtc.TrackPublishOptions:
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    options.audio_encoding.max_bitrate = OUTPUT_BITRATE
    return options


class VoiceSession:
    """A LiveKit session as the call with Letta sees it (agent.letta.call.CallSession)."""

    def __init__(self, session: AgentSession[None]) -> None:
        self._session = session
        self._unsaid: list[str] = []  # sentences for when the session has begun

    @property
    def messages(self) -> list[SpokenMessage]:
        return spoken_messages(self._session.history.items)

    @property
    def caller_speaks(self) -> bool:
        return self._session.user_state == "speaking"

    def say(self, sentence: str) -> None:
        """Say what is not Letta's, so that it does not get into its memory; later if too early."""
        if not sentence:
            return
        if self._session.agent_state == "initializing":
            self._unsaid.append(sentence)
        else:
            self._session.say(sentence, add_to_chat_ctx=False)

    def begin(self, greeting: str | None) -> None:
        """The session has started: say what could not be said before, else the greeting."""
        unsaid, self._unsaid = self._unsaid, []
        for sentence in unsaid or [greeting or ""]:
            self.say(sentence)

    def generate_reply(self) -> None:
        self._session.generate_reply()


class CallReports:
    """What stt and tts report becomes events; that words are lost, the caller hears as well."""

    def __init__(self, events: Events, voice: VoiceSession) -> None:
        self._events = events
        self._voice = voice

    def event(self, stage: str, name: str, /, **data: Any) -> None:
        self._events.emit(stage, name, **data)

    def degraded(self, degraded: Degraded) -> None:
        """Tell once what the call must do without; the caller each time."""
        if not degraded.again:
            self._events.emit(
                "job",
                "degraded",
                what=degraded.what,
                error=degraded.error,
                consequence=degraded.consequence,
            )
        if degraded.what == SPEECH_TO_TEXT:
            self._voice.say(CANNOT_HEAR)


def watch_for_late_replies(
    session: AgentSession[None], events: Events, voice: VoiceSession
) -> LateReply:
    """See how long the caller waits for each reply."""
    has_text = True  # of what the caller said last

    def waits() -> bool:
        return session.agent_state == "thinking" or not has_text

    late = LateReply(events, waits, lambda: session.agent_state == "thinking", voice.say)

    @session.on("user_state_changed")
    def _user_state(ev: UserStateChangedEvent) -> None:
        nonlocal has_text
        if ev.new_state == "speaking":
            has_text = False
            late.end()
        elif ev.old_state == "speaking":
            late.begin()

    @session.on("user_input_transcribed")
    def _transcribed(ev: UserInputTranscribedEvent) -> None:
        nonlocal has_text
        has_text = has_text or ev.is_final

    @session.on("agent_state_changed")
    def _agent_state(ev: AgentStateChangedEvent) -> None:
        if ev.new_state == "speaking":
            late.end()

    @session.on("close")
    def _closed(_: CloseEvent) -> None:
        late.end()

    return late


def emit_session_events(
    session: AgentSession[None], events: Events, turns: Turns, reports: Reports
) -> None:
    """Turn what happens in the session into events."""

    @session.on("user_state_changed")
    def _user_state(ev: UserStateChangedEvent) -> None:
        if ev.new_state == "speaking":
            events.emit("hear", "speech_started")
        elif ev.old_state == "speaking":
            events.emit("hear", "speech_ended")

    @session.on("user_input_transcribed")
    def _transcribed(ev: UserInputTranscribedEvent) -> None:
        events.emit("transcribe", "transcript", text=ev.transcript, final=ev.is_final)
        if ev.transcript:
            reports.works(SPEECH_TO_TEXT)

    @session.on("agent_state_changed")
    def _agent_state(ev: AgentStateChangedEvent) -> None:
        if ev.new_state == "speaking":
            turns.first_sound(time.time())
            events.emit("play", "speaking")
        elif ev.old_state == "speaking":
            events.emit("play", "silent")

    @session.on("speech_created")
    def _speech_created(ev: SpeechCreatedEvent) -> None:
        if ev.source == "generate_reply":
            turns.speech_created(ev.speech_handle)

    @session.on("conversation_item_added")
    def _item_added(ev: ConversationItemAddedEvent) -> None:
        if isinstance(ev.item, ChatMessage):
            turns.item_added(ev.item)

    # Our own stt and tts tell of each try themselves; LiveKit Inference does it here.
    stt_attempts = Attempts(reports, "transcribe", session.stt.provider if session.stt else "")
    tts_attempts = Attempts(reports, "speak", session.tts.provider if session.tts else "")

    @session.on("error")
    def _error(ev: ErrorEvent) -> None:
        error = ev.error
        if isinstance(error, STTError):
            stt_attempts.failed(error)
            if not error.recoverable:
                reports.broken(SPEECH_TO_TEXT, words(error.error), "the agent hears no words")
        elif isinstance(error, TTSError):
            if not isinstance(ev.source, StreamAdapter):
                tts_attempts.failed(error)
            if not error.recoverable:
                reports.broken(
                    TEXT_TO_SPEECH, words(error.error), "the reply is not heard, only read"
                )
