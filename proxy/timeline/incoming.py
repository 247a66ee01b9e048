"""Events as they are posted: read, checked, kept to their size."""

from __future__ import annotations

import json
import math
import time
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.events import Event, Stage
from proxy.endpoint import Name, read_body
from proxy.errors import ApiError
from proxy.timeline.cutting import within_size
from proxy.timeline.proof import ANY_ROOM, Proof

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
    room: Name | None = None


class PostedEvents(BaseModel):
    """What happened, in any order."""

    events: list[PostedEvent] = Field(max_length=EVENTS_MAX)


async def read_events(request: web.Request, proof: Proof, room: str) -> list[Event]:
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
    return _events(_posted(loaded), proof, room)


def _posted(loaded: Any) -> list[PostedEvent]:
    try:
        return PostedEvents.model_validate(loaded).events
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the body"
    reason = str(first["msg"]).removeprefix("Value error, ")
    raise _bad(f"'{place}': {reason}")


def _events(posted: list[PostedEvent], proof: Proof, room: str) -> list[Event]:
    now = time.time()
    events = []
    for index, each in enumerate(posted):
        of_room = each.room or room
        if not proof.covers(of_room) or of_room == ANY_ROOM:
            raise _bad(f"'events.{index}.room' is {of_room!r}, and the token is for {proof.room!r}")
        try:
            data = within_size(each.data)
        except (ValueError, RecursionError):
            raise _bad(
                f"'events.{index}.data' has a number that is not one (NaN, Infinity), or is too "
                "deeply nested"
            ) from None
        at = each.at
        if at > now + AHEAD_S:
            data, at = {**data, "reported_at": at}, now
        events.append(Event(at, of_room, proof.source, each.stage, each.name, data, each.key))
    return events


def _bad(reason: str) -> ApiError:
    return ApiError(400, "BAD_EVENT", f"No event of this request was taken: {reason}.")
