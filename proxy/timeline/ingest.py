"""`POST /api/rooms/{room}/events`: the page and the agent report what happened."""

from __future__ import annotations

from aiohttp import hdrs, web
from pydantic import BaseModel

from proxy.endpoint import Answer, Endpoint, Name, answered, validated
from proxy.errors import ApiError
from proxy.settings import ProxySettings
from proxy.timeline.incoming import PostedEvents, read_events
from proxy.timeline.proof import OtherRoom, Proofs
from proxy.timeline.timeline import Timeline
from proxy.timeline.trouble import StoreTrouble


class RoomPath(BaseModel):
    """The room in the path."""

    room: Name


class PostAnswer(Answer):
    """How many events are new, and how many were reported before."""

    accepted: int
    known: int


class Ingest:
    """Handler of the route."""

    def __init__(self, settings: ProxySettings, timeline: Timeline) -> None:
        self._proofs = Proofs(settings)
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
            proof = self._proofs.check(request.headers.get(hdrs.AUTHORIZATION, ""), room)
        except OtherRoom as other:
            self._tell_mismatch(room, other)
            raise
        events = await read_events(request, proof, room)
        try:
            receipt = await self._timeline.post(events, proof)
        except StoreTrouble as trouble:
            raise store_unavailable(trouble) from None
        return answered(PostAnswer(accepted=receipt.accepted, known=receipt.known))

    def _tell_mismatch(self, room: str, other: OtherRoom) -> None:
        """A page that got the token of another room cannot say so itself in the room it wants."""
        if self._timeline.live.current(room) is not None:
            data = {"wanted": room, "token_room": other.room, "identity": other.identity}
            self._timeline.note(room, "token", "room_mismatch", data, key=other.key)


def store_unavailable(trouble: StoreTrouble) -> ApiError:
    """The answer when the database is needed and does not do its work."""
    detail = trouble.detail
    return ApiError(
        503,
        "STORE_UNAVAILABLE",
        f"{detail[:1].upper()}{detail[1:]}.",
        headers={"Retry-After": "1"},
    )
