"""`/api/dispatch-agent`: asking for the agent of a room, and asking what became of it."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from common import logs
from proxy.dispatch.decision import Coming, Present
from proxy.dispatch.dispatcher import Dispatcher, Outcome
from proxy.dispatch.record import Wish
from proxy.endpoint import Answer, Endpoint, LettaId, Name, answered, read_json, validated
from proxy.errors import ApiError
from proxy.letta import Letta
from proxy.listening import checked
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline


class DispatchRequest(BaseModel):
    """Which room needs the agent, and which Letta agent is its mind."""

    room: Name
    agent_id: LettaId | None = None
    fault: str | None = Field(
        None,
        pattern="^[a-z_]{1,40}$",
        description="A fault for the job to have on purpose; only with FAULTS_ENABLED=true.",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="How the agent listens in this call, where it differs from the worker's "
        "settings; `listening` of GET /api/config lists names, defaults and bounds.",
    )


class DispatchAnswer(Answer):
    """The dispatch that brings, or brought, the one agent of the room."""

    room: str
    message: str
    dispatch_id: str | None


class RoomPath(BaseModel):
    """The room in the path."""

    room: Name


class DispatchStatus(Answer):
    """What is known of the agent of a room. Times are seconds since the epoch."""

    room: str
    state: Literal["requested", "waiting_for_worker", "joined", "not_joined", "none"]
    message: str
    room_exists: bool
    agents: list[str] = Field(description="Identities of the agents in the room.")
    callers: int
    agent_id: str | None
    dispatch_id: str | None
    requested_at: float | None
    dispatched_at: float | None
    joined_at: float | None
    worker: str | None = Field(description="What the worker says of itself.")


class DispatchEndpoints:
    """Handlers of the two routes."""

    def __init__(
        self, dispatcher: Dispatcher, letta: Letta, timeline: Timeline, settings: ProxySettings
    ) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._timeline = timeline
        self._letta = letta
        self._running: set[asyncio.Task[Outcome]] = set()
        self.endpoints = [
            Endpoint(
                "POST",
                "/api/dispatch-agent",
                self.dispatch,
                "Bring the agent into a room: once, verified, and by itself when a worker "
                "registers later.",
                DispatchAnswer,
                body=DispatchRequest,
                failures={
                    400: "A setting is unknown or out of bounds (INVALID_SETTINGS), or a fault is "
                    "asked for and faults are not allowed (FAULTS_NOT_ENABLED).",
                    404: "Letta does not know the agent_id (UNKNOWN_AGENT).",
                    409: "The worker has another name (AGENT_NAME_MISMATCH).",
                    502: "The LiveKit server refuses.",
                    503: "No worker is registered (AGENT_NOT_REGISTERED), or the LiveKit server "
                    "is away.",
                },
            ),
            Endpoint(
                "GET",
                "/api/dispatch-agent/{room}",
                self.status,
                "What is known of the agent of a room.",
                DispatchStatus,
            ),
        ]

    async def dispatch(self, request: web.Request) -> web.Response:
        wanted = await read_json(request, DispatchRequest)
        logs.about(wanted.room)
        received = {"agent_id": wanted.agent_id, "settings": wanted.settings}
        self._timeline.note(wanted.room, "dispatch", "received", received)
        try:
            return answered(await self._answer(wanted))
        except ApiError as error:
            refused = {"code": error.code, "message": error.message}
            self._timeline.note(wanted.room, "dispatch", "refused", refused)
            raise

    async def _answer(self, wanted: DispatchRequest) -> DispatchAnswer:
        if wanted.fault is not None and not self._settings.faults_enabled:
            raise ApiError(
                400,
                "FAULTS_NOT_ENABLED",
                f"The fault {wanted.fault!r} is not asked for, because FAULTS_ENABLED is not true. "
                "Leave `fault` out for a call that works.",
            )
        wish = Wish(wanted.agent_id, checked(wanted.settings, self._settings), wanted.fault)
        unchecked = ""
        if wanted.agent_id is not None:
            try:
                known = await self._letta.knows(wanted.agent_id)
            except ApiError as error:
                unchecked = f" Letta agent {wanted.agent_id} could not be checked: {error.message}"
            else:
                if not known:
                    raise ApiError(
                        404,
                        "UNKNOWN_AGENT",
                        f"Letta has no agent {wanted.agent_id!r}. GET /api/agents lists those it "
                        "has.",
                    )
        outcome = await self._to_its_end(wanted.room, wish)
        return DispatchAnswer(
            room=wanted.room,
            message=outcome.message + unchecked,
            dispatch_id=outcome.dispatch_id,
        )

    async def _to_its_end(self, room: str, wish: Wish) -> Outcome:
        """Dispatch even when the caller goes away meanwhile: half a dispatch has no follower."""
        task = asyncio.create_task(self._dispatcher.request(room, wish))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Outcome]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # it was the caller's to hear; nobody may be left to

    async def status(self, request: web.Request) -> web.Response:
        room = validated(RoomPath, request.match_info).room
        record, settled = await self._dispatcher.status(room)
        state, message, joined_at = record.state, record.message, record.joined_at
        if isinstance(settled.decision, Present):
            identity = settled.decision.identity
            state, message = "joined", f"Agent {identity} is in the room."
            joined_at = joined_at or settled.sight.member(identity).joined_at
        elif state == "joined":
            state, message = "none", "The agent has left the room."
            if settled.sight.agents:
                message = "The agent is still shown in the room, but its worker is gone."
        elif state == "none" and isinstance(settled.decision, Coming):
            state, message = "requested", "An agent is on its way."
        return answered(
            DispatchStatus(
                room=room,
                state=state,
                message=message,
                room_exists=settled.sight.exists,
                agents=[agent.identity for agent in settled.sight.agents],
                callers=len(settled.sight.callers),
                agent_id=record.wish.agent_id,
                dispatch_id=record.dispatch_id,
                requested_at=record.requested_at,
                dispatched_at=record.dispatched_at,
                joined_at=joined_at,
                worker=settled.worker.sentence if settled.worker else None,
            )
        )
