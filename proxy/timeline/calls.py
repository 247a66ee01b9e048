"""`/api/calls`: the calls that were, one of them whole, as a file, or deleted."""

from __future__ import annotations

import math
import time
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, BaseModel, Field

from common.events import Event, Source, Stage
from proxy.endpoint import Answer, Endpoint, answered, validated
from proxy.errors import ApiError
from proxy.timeline.answers import VerdictAnswer, stored
from proxy.timeline.call import Call
from proxy.timeline.export import as_file, file_name, webvtt
from proxy.timeline.ingest import store_unavailable
from proxy.timeline.timeline import Timeline
from proxy.timeline.transcript import transcript
from proxy.timeline.trouble import StoreTrouble

LIMIT_MAX = 500
GOING_ON_S = 30.0
"""A call that something was heard of within this time is not deleted."""


def _moment(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError("must be seconds since the epoch")
    return value


class CallsQuery(BaseModel):
    """Which calls."""

    limit: int = Field(default=50, ge=1, le=LIMIT_MAX)
    before: Annotated[float | None, AfterValidator(_moment)] = None


class CallQuery(BaseModel):
    """In which form."""

    format: Literal["json", "vtt"] | None = None


class CallPath(BaseModel):
    """The call in the path."""

    id: str = Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")


class Failed(BaseModel):
    """The last failing verdict of a call, whatever came after it."""

    stage: Stage
    cause: str
    sentence: str
    at: float


class CallSummary(BaseModel):
    """One call. Times are seconds since the epoch."""

    id: str
    room: str
    started: float
    ended: float | None = Field(description="Null while it goes on.")
    agent_id: str | None
    turns: int
    events: int
    failing: Stage | None = Field(description="The stage that fails, or did at the end.")
    cause: str | None
    worst: Failed | None


class CallsAnswer(Answer):
    """Calls, the newest first; go on with `before` = the last one's `started`."""

    calls: list[CallSummary]


class EventAnswer(BaseModel):
    """One event."""

    seq: int
    at: float
    room: str
    source: Source
    stage: Stage
    name: str
    data: dict[str, Any]
    key: str


class LineAnswer(BaseModel):
    """What somebody said; of a reply, what was heard of it."""

    speaker: Literal["caller", "agent"]
    at: float
    until: float
    text: str
    turn: int | None
    reply: str
    interrupted: bool


class CallAnswer(Answer):
    """A whole call: events in the order in which they happened, words, verdicts at its end."""

    call: CallSummary
    events: list[EventAnswer]
    transcript: list[LineAnswer]
    verdicts: list[VerdictAnswer]


class Calls:
    """Handlers of the routes."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        unavailable = {503: "The calls database cannot be used (STORE_UNAVAILABLE)."}
        missing = {404: "There is no such call (UNKNOWN_CALL)."}
        self.endpoints = [
            Endpoint(
                "GET",
                "/api/calls",
                self.newest,
                "The calls, newest first: ?limit (50) and ?before=STARTED.",
                CallsAnswer,
                failures=unavailable,
            ),
            Endpoint(
                "GET",
                "/api/calls/{id}",
                self.get,
                "A whole call; ?format=json to save it, ?format=vtt for its words as WebVTT.",
                CallAnswer,
                failures={**unavailable, **missing},
            ),
            Endpoint(
                "DELETE",
                "/api/calls/{id}",
                self.delete,
                "Delete a call and all its events.",
                Answer,
                failures={**unavailable, **missing, 409: "It still goes on (CALL_OPEN)."},
            ),
        ]

    async def newest(self, request: web.Request) -> web.Response:
        wanted = validated(CallsQuery, request.query)
        await self._timeline.ready()
        try:
            rows = await self._timeline.keeper.store.calls(wanted.limit, wanted.before)
        except StoreTrouble as trouble:
            raise store_unavailable(trouble) from None
        found = {row["id"]: row for row in rows}
        for call in self._timeline.live:
            # What is in memory is newer than what is stored, and may not be stored yet.
            if call.id in found or wanted.before is None or call.started < wanted.before:
                found[call.id] = call.row()
        newest = sorted(found.values(), key=lambda row: -row["started"])[: wanted.limit]
        return answered(CallsAnswer(calls=[CallSummary.model_validate(row) for row in newest]))

    async def get(self, request: web.Request) -> web.Response:
        call_id = validated(CallPath, request.match_info).id
        wanted = validated(CallQuery, request.query)
        row, events = await self._find(call_id)
        lines = transcript(events)
        if wanted.format == "vtt":
            title = f"Call in room {row['room']}"
            name = file_name(row["room"], call_id, "vtt")
            return as_file(webvtt(lines, row["started"], title), "text/vtt", name)
        answer = CallAnswer(
            call=CallSummary.model_validate(row),
            events=[EventAnswer.model_validate(event.as_json()) for event in events],
            transcript=[LineAnswer.model_validate(vars(line)) for line in lines],
            verdicts=[VerdictAnswer.model_validate(each) for each in row["verdicts"] or []],
        )
        if wanted.format == "json":
            name = file_name(row["room"], call_id, "json")
            return as_file(answer.model_dump_json(indent=1), "application/json", name)
        return answered(answer)

    async def delete(self, request: web.Request) -> web.Response:
        call_id = validated(CallPath, request.match_info).id
        await self._timeline.ready()
        call = self._timeline.live.find(call_id)
        if call is not None and call.open and time.monotonic() - call.heard_at < GOING_ON_S:
            raise ApiError(
                409,
                "CALL_OPEN",
                f"Call {call_id} in room {call.room} still goes on. Hang up first; it can be "
                f"deleted when its room has ended, or {GOING_ON_S:g} s after the last event.",
            )
        try:
            found = await self._timeline.delete(call_id)
        except StoreTrouble as trouble:
            raise store_unavailable(trouble) from None
        if not found:
            raise _unknown(call_id)
        return answered(Answer())

    async def _find(self, call_id: str) -> tuple[dict[str, Any], list[Event]]:
        """The row of a call, with its verdicts, and its events by time."""
        call = self._timeline.live.find(call_id)
        if call is None:
            await self._timeline.ready()
            try:
                store = self._timeline.keeper.store
                row, events = await store.call(call_id), await store.events_of(call_id)
            except StoreTrouble as trouble:
                raise store_unavailable(trouble) from None
            if row is None:
                raise _unknown(call_id)
            return row, sorted(events, key=lambda event: (event.at, event.seq))
        return {**call.row(), "verdicts": self._verdicts(call)}, list(call.history)

    def _verdicts(self, call: Call) -> list[dict[str, Any]]:
        if call.open:
            return stored(self._timeline.judging.of_call(call))
        return call.stored_verdicts or []


def _unknown(call_id: str) -> ApiError:
    return ApiError(
        404,
        "UNKNOWN_CALL",
        f"There is no call {call_id!r}; it may have been deleted. GET /api/calls lists them.",
    )
