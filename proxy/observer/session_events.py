"""What a session of livekit-agents publishes about itself on `lk.agent.session`, as our events.

Each message is an `AgentSessionMessage` of livekit-protocol (agent/livekit_agent_session.proto);
livekit-agents 1.x sends one for each change of state, transcript, message, tool and error. Kinds
that are not known here, of newer frameworks, are left out. Pure: bytes in, events out.

A session tells the times of a turn when the turn is over, as lengths: how long the last words and
the end of the turn took after the caller fell silent, the model's first token, the voice's first
byte. Where they lie in time follows from when the agent began to speak: the voice's first byte is
then there, and the first token came before it by what the voice took.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from livekit.protocol.agent_pb import agent_session as pb

from common.events import Stage
from common.failures import failure_of_status

TOPIC = "lk.agent.session"

_ERROR = re.compile(
    r"type='(?P<type>\w+)' timestamp=[\d.]+ label='(?P<label>[^']*)'"
    r"(?: error=(?P<error>.*?))? recoverable=(?P<recoverable>True|False)",
    re.DOTALL,
)
"""How pydantic prints livekit-agents' LLMError, STTError, TTSError and RealtimeModelError."""
_RAISED = re.compile(r"(?P<kind>\w+)\((?P<message>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")?")
_STATUS = re.compile(r"status_code=(\d{3})\b")
_STAGES: dict[str, Stage] = {
    "stt": "transcribe",
    "llm": "think",
    "realtime": "think",
    "tts": "speak",
}
_KINDS = {"APITimeoutError": "timeout", "APIConnectionError": "refused"}
MODEL = "model"
MESSAGE_MAX = 1000


@dataclass(frozen=True)
class Told:
    """One event, without its room; `at` in seconds since the epoch, by the agent's clock."""

    at: float
    stage: Stage
    name: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Turn:
    """The turn that goes on; times in seconds since the epoch."""

    number: int
    user: str
    since: float | None = None
    marks: dict[str, float] = field(default_factory=dict)
    reply: str = ""
    interrupted: bool = False
    asked: bool = False


class SessionReader:
    """Reads the messages of one agent, in the order in which they come."""

    def __init__(self, turns: int = 0) -> None:
        """`turns`: how many the call had already."""
        self._turns = turns
        self._turn: _Turn | None = None
        self._state = ""
        self._words = ""
        self._tokens = (0, 0)
        self._tools: set[str] = set()
        self._failures: dict[Stage, int] = {}

    def read(self, message: bytes) -> list[Told]:
        """What the message tells; nothing when it is none of livekit-agents' events."""
        parsed = pb.AgentSessionMessage()
        try:
            parsed.ParseFromString(message)
        except DecodeError:
            return []
        if not parsed.HasField("event"):
            return []
        event = parsed.event
        at = event.created_at.ToNanoseconds() / 1e9
        match event.WhichOneof("event"):
            case "agent_state_changed":
                return list(self._agent_state(event.agent_state_changed, at))
            case "user_state_changed":
                return list(_user_state(event.user_state_changed, at))
            case "user_input_transcribed":
                words = event.user_input_transcribed
                if words.is_final:
                    self._words = words.transcript
                data = {"text": words.transcript, "final": words.is_final}
                return [Told(at, "transcribe", "transcript", data)]
            case "eot_prediction":
                return [self._end_of_turn(event.eot_prediction, at)]
            case "conversation_item_added":
                return list(self._item(event.conversation_item_added.item, at))
            case "function_tools_executed":
                return list(self._tools_executed(event.function_tools_executed, at))
            case "tool_execution_updated":
                return list(self._tool_updated(event.tool_execution_updated, at))
            case "session_usage_updated":
                return list(self._usage(event.session_usage_updated.usage, at))
            case "error":
                return [self._error(event.error.message, at)]
        return []

    def _agent_state(self, change: Any, at: float) -> Iterator[Told]:
        before, self._state = self._state, _state(change.new_state)
        yield Told(at, "join", "agent_state", {"from": before, "to": self._state})
        if self._state == before:
            return
        if self._state == "thinking":
            yield from self._asked(at)
        elif self._state == "speaking":
            yield from self._asked(at)
            yield Told(at, "play", "speaking")
        if before == "speaking":
            yield Told(at, "play", "silent")
        if self._state in ("listening", "idle") and self._turn is not None and self._turn.reply:
            yield from self._over(at)

    def _asked(self, at: float) -> Iterator[Told]:
        """The model works, or has worked, at what the caller said last."""
        turn = self._turn
        if turn is None or turn.asked:
            return
        turn.asked = True
        yield Told(at, "think", "request", {"turn": turn.number, "text": turn.user})

    def _end_of_turn(self, prediction: Any, at: float) -> Told:
        delay = prediction.delay.ToNanoseconds() / 1e9
        data = {
            "delay": round(delay, 3),
            "probability": round(prediction.probability, 3),
            "text": self._words,
        }
        return Told(at, "hear", "end_of_turn", data)

    def _item(self, item: Any, at: float) -> Iterator[Told]:
        if item.WhichOneof("item") != "message":
            return
        message = item.message
        text = " ".join(part.text for part in message.content if part.text).strip()
        if message.role == pb.USER:
            yield from self._user(message, text, at)
        elif message.role == pb.ASSISTANT:
            yield from self._assistant(message, text, at)

    def _user(self, message: Any, text: str, at: float) -> Iterator[Told]:
        if self._turn is not None:
            yield from self._over(at)
        self._turns += 1
        self._turn = turn = _Turn(self._turns, text)
        metrics = message.metrics
        if not metrics.HasField("stopped_speaking_at"):
            turn.since = at  # typed: it counts from its arrival
            return
        turn.since = since = metrics.stopped_speaking_at.ToNanoseconds() / 1e9
        if metrics.HasField("transcription_delay"):
            turn.marks["transcript"] = since + metrics.transcription_delay
            ms = _ms(metrics.transcription_delay)
            yield Told(
                turn.marks["transcript"],
                "transcribe",
                "done",
                {"ms": ms, "text": text, "final": True},
            )
        if metrics.HasField("end_of_turn_delay"):
            turn.marks["end_of_utterance"] = since + metrics.end_of_turn_delay

    def _assistant(self, message: Any, text: str, at: float) -> Iterator[Told]:
        turn, metrics = self._turn, message.metrics
        number = turn.number if turn is not None else None
        spoke = metrics.started_speaking_at.ToNanoseconds() / 1e9
        first = turn is None or not turn.reply
        ttfb = metrics.tts_node_ttfb if metrics.HasField("tts_node_ttfb") else None
        if spoke and ttfb is not None and first:
            data = {"turn": number, "ms": _ms(ttfb)}
            yield Told(spoke, "speak", "first_byte", data)
        if turn is None:
            return  # a greeting, or what the agent says by itself
        if metrics.HasField("llm_node_ttft") and first:
            came = (spoke or at) - (ttfb or 0.0)
            turn.marks["first_token"] = max(came, turn.marks.get("end_of_utterance", 0.0))
            data = {"turn": turn.number, "ms": _ms(metrics.llm_node_ttft)}
            yield Told(turn.marks["first_token"], "think", "first_token", data)
        if spoke and first:
            turn.marks["tts_first_byte"] = turn.marks["first_sound"] = spoke
        turn.reply = f"{turn.reply} {text}".strip()
        turn.interrupted = turn.interrupted or message.interrupted
        yield Told(at, "think", "done", {"turn": turn.number})
        if self._state in ("listening", "idle"):
            yield from self._over(at)  # its state was told before

    def _over(self, at: float) -> Iterator[Told]:
        """The turn is over: the reply was spoken or interrupted, or the caller spoke again."""
        turn, self._turn = self._turn, None
        assert turn is not None
        if turn.interrupted:
            yield Told(at, "play", "interrupted", {"turn": turn.number, "heard": turn.reply})
        since = turn.since
        data = {
            "turn": turn.number,
            "user": turn.user,
            "reply": turn.reply,
            "heard": turn.reply,
            "interrupted": turn.interrupted,
            "since": since,
            "ms": {name: _ms(mark - since) for name, mark in turn.marks.items()} if since else {},
        }
        yield Told(at, "play", "turn", data)

    def _tools_executed(self, executed: Any, at: float) -> Iterator[Told]:
        for call in executed.function_calls:
            yield from self._tool_called(call, at)
        for output in executed.function_call_outputs:
            yield from self._tool_returned(
                output.call_id, output.name, "error" if output.is_error else "success",
                output.output, at,
            )  # fmt: skip

    def _tool_updated(self, update: Any, at: float) -> Iterator[Told]:
        if update.HasField("started"):
            yield from self._tool_called(update.started.function_call, at)

    def _tool_called(self, call: Any, at: float) -> Iterator[Told]:
        if call.call_id in self._tools:
            return
        self._tools.add(call.call_id)
        data = {"id": call.call_id, "name": call.name, "arguments": call.arguments}
        yield Told(at, "think", "tool_call", data)

    def _tool_returned(
        self, call_id: str, name: str, status: str, text: str, at: float
    ) -> Iterator[Told]:
        data = {"id": call_id, "name": name, "status": status, "text": text}
        yield Told(at, "think", "tool_return", data)

    def _usage(self, usage: Any, at: float) -> Iterator[Told]:
        """Told again and again, as a sum: what is new of the language model's."""
        models = [one.llm for one in usage.model_usage if one.HasField("llm")]
        tokens = (sum(one.input_tokens for one in models), sum(one.output_tokens for one in models))
        read, written = tokens[0] - self._tokens[0], tokens[1] - self._tokens[1]
        self._tokens = tokens
        if read > 0 or written > 0:
            data = {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
            }
            yield Told(at, "think", "usage", data)

    def _error(self, text: str, at: float) -> Told:
        """A provider's failure, in its own words as far as they can be found in the text."""
        match = _ERROR.search(text)
        stage = _stage_of(match["type"] if match else text)
        recoverable = match is not None and match["recoverable"] == "True"
        raised = (match["error"] or "") if match else text
        status = int(found[1]) if (found := _STATUS.search(raised)) else None
        number = self._failures[stage] = self._failures.get(stage, 0) + 1
        if not recoverable:
            self._failures[stage] = 0
        kind = failure_of_status(status).kind if status is not None else _kind_of(raised)
        data: dict[str, Any] = {
            "message": _words(raised, match["label"] if match else ""),
            "kind": kind,
            "status": status,
        }
        provider = match["label"] if match else "unknown"
        if stage == "think":
            data |= {"provider": MODEL, "retryable": recoverable, "recoverable": recoverable}
        else:
            data |= {"provider": provider, "attempt": number, "recoverable": recoverable}
        return Told(at, stage, "error", data)


def _user_state(change: Any, at: float) -> Iterator[Told]:
    before, now = _state(change.old_state, pb.UserState), _state(change.new_state, pb.UserState)
    if now == "speaking":
        yield Told(at, "hear", "speech_started")
    elif before == "speaking":
        yield Told(at, "hear", "speech_ended")


def _state(number: int, states: Any = pb.AgentState) -> str:
    """`AS_LISTENING` as `listening`, the word of the attribute `lk.agent.state`."""
    try:
        return str(states.Name(number)).partition("_")[2].lower()
    except ValueError:
        return "unknown"  # of a newer framework


def _stage_of(text: str) -> Stage:
    lowered = text.lower()
    return next((stage for word, stage in _STAGES.items() if word in lowered), "think")


def _kind_of(raised: str) -> str:
    found = _RAISED.match(raised)
    return _KINDS.get(found["kind"], "other") if found else "other"


def _words(raised: str, label: str) -> str:
    """What the exception says, without Python around it; else what there is."""
    found = _RAISED.match(raised)
    words = ""
    if found and found["message"]:
        try:
            words = str(ast.literal_eval(found["message"]))
        except (ValueError, SyntaxError):
            words = found["message"]
    return (words or raised or label or "no reason was given")[:MESSAGE_MAX]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
