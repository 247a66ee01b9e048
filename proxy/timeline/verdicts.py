"""`GET /api/verdicts` and `GET /api/rooms/{room}/verdicts`: which stage fails, and why."""

from __future__ import annotations

import time

from aiohttp import web

from proxy.endpoint import Endpoint, answered, validated
from proxy.timeline.answers import VerdictsAnswer, verdicts_answer
from proxy.timeline.ingest import RoomPath
from proxy.timeline.timeline import Timeline


class Verdicts:
    """Handlers of the two routes."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.endpoints = [
            Endpoint(
                "GET",
                "/api/verdicts",
                self.of_system,
                "How the system is; every other stage is not reached.",
                VerdictsAnswer,
            ),
            Endpoint(
                "GET",
                "/api/rooms/{room}/verdicts",
                self.of_room,
                "One verdict a stage for the call that goes on in a room.",
                VerdictsAnswer,
            ),
        ]

    async def of_system(self, request: web.Request) -> web.Response:
        return self._answer(None)

    async def of_room(self, request: web.Request) -> web.Response:
        return self._answer(validated(RoomPath, request.match_info).room)

    def _answer(self, room: str | None) -> web.Response:
        call, verdicts = self._timeline.judging.of_room(room)
        ident = call.id if call is not None else None
        return answered(verdicts_answer(room, ident, time.time(), verdicts))
