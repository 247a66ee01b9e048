"""`POST /api/rooms/{room}/events`: the page and the agent report what happened."""

from __future__ import annotations

import json
import math
import time
from typing import Annotated, Any

from aiohttp import hdrs, web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.events import Event, Stage
from proxy.api.endpoint import (
    Answer,
    Endpoint,
    Name,
    RoomName,
    RoomPath,
    answered,
    read_body,
    validated,
)
from proxy.api.errors import ApiError
from proxy.settings import ProxySettings
from proxy.timeline.auth import EventAuth, Reporter, TokenForOtherRoom
from proxy.timeline.event_data import truncate
from proxy.timeline.store.errors import StoreError
from proxy.timeline.timeline import Timeline

BODY_MAX_BYTES = 512 * 1024
EVENTS_MAX = 200
AHEAD_S = 60.0
"""How far the reporter's clock may be ahead of ours before ours counts."""


def _time(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise ValueError("must be seconds since the epoch")
    return value


class PostedEvent(BaseModel):
    """One event. `key` is the reporter's own, and the same when it reports the event again."""

    model_config = ConfigDict(extra="ignore")

    at: Annotated[float, AfterValidator(_time)] = Field(description="Seconds since the epoch.")
    stage: Stage
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_.-]+$")]
    data: dict[str, Any] = Field(default_factory=dict)
    key: Name
    room: RoomName | None = None


class PostedEvents(BaseModel):
    """What happened, in any order."""

    events: list[PostedEvent] = Field(max_length=EVENTS_MAX)


class PostAnswer(Answer):
    """How many events are new, and how many were reported before."""

    accepted: int
    known: int


class EventIngest:
    """Handler of the route."""

    def __init__(self, settings: ProxySettings, timeline: Timeline) -> None:
        self._auth = EventAuth(settings)
        self._timeline = timeline
        self.endpoints = [
            Endpoint(
                "POST",
                "/api/rooms/{room}/events",
                self.post,
                "Report events: at most 200 and 512 kB; each is kept once by its key. Needs "
                "'Authorization: Bearer' with the LiveKit token of the room.",
                PostAnswer,
                body=PostedEvents,
                path_fields=RoomPath,
                security="eventToken",
                failures={
                    400: "An event is wrong (BAD_EVENT); none of them was taken.",
                    401: "The token does not allow it (EVENTS_NOT_YOURS).",
                    503: "They are shown but not stored (STORE_UNAVAILABLE): send them again.",
                },
            )
        ]

    async def post(self, request: web.Request) -> web.Response:
        room = validated(RoomPath, request.match_info).room
        try:
            reporter = self._auth.check(request.headers.get(hdrs.AUTHORIZATION, ""), room)
        except TokenForOtherRoom as other:
            self._note_mismatch(room, other)
            raise
        events = await read_events(request, reporter, room)
        try:
            receipt = await self._timeline.post(events, reporter)
        except StoreError as error:
            raise store_unavailable(error) from None
        return answered(PostAnswer(accepted=receipt.accepted, known=receipt.known))

    def _note_mismatch(self, room: str, other: TokenForOtherRoom) -> None:
        """A page that got the token of another room cannot say so itself in the room it wants."""
        if self._timeline.calls.current(room) is not None:
            data = {"wanted": room, "token_room": other.room, "identity": other.identity}
            self._timeline.note(room, "token", "room_mismatch", data, key=other.key)


def store_unavailable(error: StoreError) -> ApiError:
    """The answer when the database is needed and does not do its work."""
    return ApiError(503, "STORE_UNAVAILABLE", error.sentence, headers={"Retry-After": "1"})


async def read_events(request: web.Request, reporter: Reporter, room: str) -> list[Event]:
    """The events in the body of `request`; `ApiError` 4xx says which is wrong, and why."""
    if request.content_type != "application/json":
        raise ApiError(
            415,
            "NOT_JSON",
            f"The body has the content type {request.content_type[:100]!r}; send JSON with the "
            "header 'Content-Type: application/json'.",
        )
    body = await read_body(request.clone(client_max_size=BODY_MAX_BYTES))
    try:
        loaded: Any = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)[:200]
        raise ApiError(400, "NOT_JSON", f"The body is not JSON: {reason}.") from None
    return _events(_posted(loaded), reporter, room)


def _posted(loaded: Any) -> list[PostedEvent]:
    try:
        return PostedEvents.model_validate(loaded).events
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the body"
    reason = str(first["msg"]).removeprefix("Value error, ")
    raise _bad(f"'{place}': {reason}")


def _events(posted: list[PostedEvent], reporter: Reporter, room: str) -> list[Event]:
    now = time.time()
    events = []
    for index, event in enumerate(posted):
        of_room = event.room or room
        if not reporter.covers(of_room):
            raise _bad(
                f"'events.{index}.room' is {of_room!r}, and the token is for {reporter.room!r}"
            )
        try:
            data = truncate(event.data)
        except (ValueError, RecursionError):
            raise _bad(
                f"'events.{index}.data' has a number that is not one (NaN, Infinity), or is too "
                "deeply nested"
            ) from None
        at = event.at
        if at > now + AHEAD_S:
            data, at = {**data, "reported_at": at}, now
        events.append(Event(at, of_room, reporter.source, event.stage, event.name, data, event.key))
    return events


def _bad(reason: str) -> ApiError:
    return ApiError(400, "BAD_EVENT", f"No event of this request was taken: {reason}.")
