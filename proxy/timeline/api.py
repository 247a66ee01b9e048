"""The calls (/api/calls): listed, whole, as a file, deleted; and the verdicts (/api/verdicts)."""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, BaseModel, Field

from common.events import Event, Source, Stage
from proxy.api.endpoint import Answer, Endpoint, RoomPath, answered, validated
from proxy.api.errors import ApiError
from proxy.settings import ProxySettings
from proxy.timeline.call import CallRecord, shown
from proxy.timeline.export import as_file, file_name, transcript, webvtt
from proxy.timeline.ingest import store_unavailable
from proxy.timeline.publisher import (
    VerdictAnswer,
    VerdictsAnswer,
    verdicts_answer,
    verdicts_as_json,
)
from proxy.timeline.store.errors import StoreError
from proxy.timeline.timeline import Timeline

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
    redact: Literal["0", "1"] = Field(
        "1", description="0 leaves keys, tokens and passwords in the file of format=json."
    )


class CallPath(BaseModel):
    """The call in the path."""

    id: str = Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")


class LastFailure(BaseModel):
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
    worst: LastFailure | None


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


class CallsApi:
    """Handlers of the routes."""

    def __init__(self, settings: ProxySettings, timeline: Timeline) -> None:
        self._settings = settings
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
                query=CallsQuery,
                failures=unavailable,
            ),
            Endpoint(
                "GET",
                "/api/calls/{id}",
                self.get,
                "A whole call; ?format=json to save it, with keys, tokens and passwords as *** "
                "unless &redact=0; ?format=vtt for its words as WebVTT.",
                CallAnswer,
                path_fields=CallPath,
                query=CallQuery,
                also=("text/vtt",),
                failures={**unavailable, **missing},
            ),
            Endpoint(
                "DELETE",
                "/api/calls/{id}",
                self.delete,
                "Delete a call and all its events.",
                Answer,
                path_fields=CallPath,
                failures={**unavailable, **missing, 409: "It still goes on (CALL_OPEN)."},
            ),
        ]

    async def newest(self, request: web.Request) -> web.Response:
        query = validated(CallsQuery, request.query)
        await self._timeline.ready()
        try:
            rows = await self._timeline.queue.store.calls(query.limit, query.before)
        except StoreError as error:
            raise store_unavailable(error) from None
        by_id = {row["id"]: row for row in rows}
        for call in self._timeline.calls:
            # What is in memory is newer than what is stored, and may not be stored yet.
            if call.id in by_id or query.before is None or call.started < query.before:
                by_id[call.id] = shown(call)
        newest = sorted(by_id.values(), key=lambda row: -row["started"])[: query.limit]
        return answered(CallsAnswer(calls=[CallSummary.model_validate(row) for row in newest]))

    async def get(self, request: web.Request) -> web.Response:
        call_id = validated(CallPath, request.match_info).id
        query = validated(CallQuery, request.query)
        form = query.format
        row, events = await self._find(call_id)
        lines = transcript(events)
        if form == "vtt":
            title = f"Call in room {row['room']}"
            name = file_name(row["room"], call_id, "vtt")
            return as_file(webvtt(lines, row["started"], title), "text/vtt", name)
        answer = CallAnswer(
            call=CallSummary.model_validate(row),
            events=[EventAnswer.model_validate(event.as_json()) for event in events],
            transcript=[LineAnswer.model_validate(vars(line)) for line in lines],
            verdicts=[VerdictAnswer.model_validate(verdict) for verdict in row["verdicts"] or []],
        )
        if form == "json":
            name = file_name(row["room"], call_id, "json")
            redacted = query.redact == "1"
            # A long call takes the redactor a moment, and other calls go on meanwhile.
            text = await asyncio.to_thread(self._export, answer, redacted=redacted)
            return as_file(text, "application/json", name)
        return answered(answer)

    def _export(self, answer: CallAnswer, *, redacted: bool) -> str:
        """The file of a call. It is sent to other people, so it has no secret unless asked."""
        if not redacted:
            return answer.model_dump_json(indent=1)
        call = self._settings.redactor().data(answer.model_dump(mode="json"))
        return json.dumps(call, indent=1, ensure_ascii=False)

    async def delete(self, request: web.Request) -> web.Response:
        call_id = validated(CallPath, request.match_info).id
        await self._timeline.ready()
        call = self._timeline.calls.find(call_id)
        if call is not None and call.open and time.monotonic() - call.heard_at < GOING_ON_S:
            raise ApiError(
                409,
                "CALL_OPEN",
                f"Call {call_id} in room {call.room} still goes on. Hang up first; it can be "
                f"deleted when its room has ended, or {GOING_ON_S:g} s after the last event.",
            )
        try:
            existed = await self._timeline.delete(call_id)
        except StoreError as error:
            raise store_unavailable(error) from None
        if not existed:
            raise _unknown(call_id)
        return answered(Answer())

    async def _find(self, call_id: str) -> tuple[dict[str, Any], list[Event]]:
        """The row of a call, with its verdicts, and its events by time."""
        call = self._timeline.calls.find(call_id)
        if call is None:
            await self._timeline.ready()
            try:
                store = self._timeline.queue.store
                row, events = await store.call(call_id), await store.events_of(call_id)
            except StoreError as error:
                raise store_unavailable(error) from None
            if row is None:
                raise _unknown(call_id)
            return row, sorted(events, key=lambda event: (event.at, event.seq))
        return {**shown(call), "verdicts": self._verdicts(call)}, list(call.history)

    def _verdicts(self, call: CallRecord) -> list[dict[str, Any]]:
        if call.open:
            return verdicts_as_json(self._timeline.publisher.of_call(call))
        return call.stored_verdicts or []


def _unknown(call_id: str) -> ApiError:
    return ApiError(
        404,
        "UNKNOWN_CALL",
        f"There is no call {call_id!r}; it may have been deleted. GET /api/calls lists them.",
    )


class VerdictsApi:
    """Handlers of the two routes."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.endpoints = [
            Endpoint(
                "GET",
                "/api/verdicts",
                self.of_system,
                "How the system is; of every other stage nothing was seen.",
                VerdictsAnswer,
            ),
            Endpoint(
                "GET",
                "/api/rooms/{room}/verdicts",
                self.of_room,
                "One verdict a stage for the call that goes on in a room.",
                VerdictsAnswer,
                path_fields=RoomPath,
            ),
        ]

    async def of_system(self, request: web.Request) -> web.Response:
        return self._answer(None)

    async def of_room(self, request: web.Request) -> web.Response:
        return self._answer(validated(RoomPath, request.match_info).room)

    def _answer(self, room: str | None) -> web.Response:
        call, verdicts = self._timeline.publisher.of_room(room)
        call_id = call.id if call is not None else None
        return answered(verdicts_answer(room, call_id, time.time(), verdicts))
