"""`GET /api/rooms/{room}/events`: what happened in a room and what happens next, as it happens."""

from __future__ import annotations

import logging

from aiohttp import web
from pydantic import BaseModel, Field

from common.events import Event
from proxy.api.endpoint import Endpoint, RoomPath, validated
from proxy.api.errors import ApiError
from proxy.timeline.store.errors import StoreError
from proxy.timeline.subscribers import Subscriber, event_message
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.timeline")

HEARTBEAT_S = 10.0
RECONNECT_MS = 1000
CHUNK = 200
WATCHERS_MAX = 200
BACKLOG_MAX = 20_000
SEQ_MAX = 2**63 - 1

Backlog = list[tuple[str, Event]]
"""Events, each with the id of its call."""


class StreamQuery(BaseModel):
    """Where to go on."""

    after: int | None = Field(None, ge=0, le=SEQ_MAX, description="seq of the last event known.")


class EventStream:
    """Handler of the route."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.endpoints = [
            Endpoint(
                "GET",
                "/api/rooms/{room}/events",
                self.stream,
                "Server-sent events: the events of the room's call, then those that come, and its "
                "verdicts. Resumes by Last-Event-ID or ?after=SEQ.",
                "text/event-stream",
                path_fields=RoomPath,
                query=StreamQuery,
                headers={"Last-Event-ID": {"type": "string", "pattern": "^[0-9]{1,19}$"}},
                failures={503: "Too many watch already (TOO_MANY_WATCHERS)."},
            )
        ]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        room = validated(RoomPath, request.match_info).room
        after = _after(request)
        await self._timeline.ready()
        response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        response.charset = "utf-8"
        if request.method == "HEAD":
            return response
        subscriber = Subscriber(room, lambda: _cut_off(request))
        older = await self._older(room, after)
        # From here to the first wait nothing can come in between.
        backlog = [*older, *self._newer(room, after)]
        subscribers = self._timeline.subscribers
        if len(subscribers) >= WATCHERS_MAX:
            raise ApiError(
                503,
                "TOO_MANY_WATCHERS",
                f"{WATCHERS_MAX} streams of events are open already; close some of them.",
                headers={"Retry-After": "5"},
            )
        subscribers.add(subscriber)
        try:
            await response.prepare(request)
            await response.write(f"retry: {RECONNECT_MS}\n\n".encode())
            for start in range(0, len(backlog), CHUNK):
                part = backlog[start : start + CHUNK]
                await response.write("".join(event_message(*entry) for entry in part).encode())
            await response.write(self._timeline.publisher.message(room).encode())
            while not subscriber.ended:
                text = await subscriber.next(HEARTBEAT_S)
                await response.write((text or ": here\n\n").encode())
        except ConnectionResetError:
            log.debug("A watcher of room %s went away", room)
        finally:
            subscribers.remove(subscriber)
        return response

    async def _older(self, room: str, after: int | None) -> Backlog:
        """What the database has between the last event the watcher got and those in memory."""
        if after is None:
            return []
        known = self._timeline.calls.arrivals(room)
        first = known[0][1].seq if known else SEQ_MAX
        if after >= first:
            return []
        try:
            return await self._timeline.queue.store.events_between(room, after, first, BACKLOG_MAX)
        except StoreError as error:
            log.debug("Only what is in memory of room %s is streamed: %s", room, error)
            return []

    def _newer(self, room: str, after: int | None) -> Backlog:
        if after is None:
            call = self._timeline.calls.current(room)
            return [(call.id, event) for event in call.arrivals] if call is not None else []
        return [entry for entry in self._timeline.calls.arrivals(room) if entry[1].seq > after]


def _after(request: web.Request) -> int | None:
    """The last event the watcher got."""
    text = request.headers.get("Last-Event-ID") or request.query.get("after") or ""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= SEQ_MAX):
        raise ApiError(
            400, "INVALID_REQUEST", f"'after' is {text[:40]!r}; it must be the seq of an event."
        )
    return int(text)


def _cut_off(request: web.Request) -> None:
    """End a connection whose other side does not read: waiting for it would never end."""
    log.warning("A watcher of %s reads too slowly and is cut off", request.raw_path[:200])
    if request.transport is not None:
        request.transport.abort()
