"""`/api/dispatch-agent`: asking for the agent of a room, and asking what became of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from common import logs
from proxy.api.config import checked
from proxy.api.endpoint import (
    Answer,
    Endpoint,
    LettaId,
    Name,
    RoomName,
    RoomPath,
    answered,
    read_json,
    validated,
)
from proxy.api.errors import ApiError
from proxy.api.tokens import METADATA_MAX
from proxy.clients.letta import Letta, unknown_agent
from proxy.clients.sfu import Sfu
from proxy.dispatch.decision import NAMED_S
from proxy.dispatch.dispatcher import Dispatcher
from proxy.dispatch.messages import Reply
from proxy.dispatch.records import DispatchRecord, DispatchRequest, State
from proxy.dispatch.snapshot import Dispatch, RoomSnapshot, fetch_snapshot
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline


class DispatchBody(BaseModel):
    """Which room needs the agent, and which Letta agent it speaks for."""

    room: RoomName
    agent_id: LettaId | None = None
    agent_name: Name | None = Field(
        default=None, description="Another agent than ours, as its worker is registered."
    )
    metadata: str = Field(
        default="", max_length=METADATA_MAX, description="What another agent is sent with."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="How the agent listens in this call, where it differs from the worker's "
        "settings; `listening` of GET /api/config lists names, defaults and bounds.",
    )


class FaultyDispatchBody(DispatchBody):
    """As DispatchBody, and a fault that the job is to have on purpose."""

    fault: str | None = Field(None, pattern="^[a-z_]{1,40}$")


class DispatchAnswer(Answer):
    """The dispatch that brings, or brought, the one agent of the room."""

    room: str
    message: str
    dispatch_id: str | None


class NamesAnswer(Answer):
    """The names under which agents can be asked for. LiveKit has no list of the workers that are
    registered: `others` are those of AGENTS, and those that were seen in dispatches."""

    ours: str | None
    others: list[str]


class DispatchStatus(Answer):
    """What is known of the agent of a room. Times are seconds since the epoch."""

    room: str
    state: State
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
        self,
        dispatcher: Dispatcher,
        sfu: Sfu,
        letta: Letta,
        timeline: Timeline,
        settings: ProxySettings,
    ) -> None:
        self._dispatcher = dispatcher
        self._sfu = sfu
        self._settings = settings
        self._timeline = timeline
        self._letta = letta
        self._running: set[asyncio.Task[Reply]] = set()
        self.endpoints = [
            Endpoint(
                "POST",
                "/api/dispatch-agent",
                self.dispatch,
                "Bring the agent into a room: once, verified, and by itself when a worker "
                "registers later.",
                DispatchAnswer,
                body=FaultyDispatchBody if settings.faults_enabled else DispatchBody,
                failures={
                    400: "A setting is unknown or out of bounds (INVALID_SETTINGS); or there is no "
                    "agent of ours, and none was named (AGENT_NAME_MISSING).",
                    404: "Letta does not know the agent_id (UNKNOWN_AGENT).",
                    409: "The worker has another name (AGENT_NAME_MISMATCH).",
                    502: "The LiveKit server refuses.",
                    503: "No worker is registered (AGENT_NOT_REGISTERED), or the LiveKit server "
                    "is away.",
                },
            ),
            Endpoint(
                "GET",
                "/api/dispatch-agent",
                self.names,
                "The names under which agents can be asked for.",
                NamesAnswer,
            ),
            Endpoint(
                "GET",
                "/api/dispatch-agent/{room}",
                self.status,
                "What is known of the agent of a room.",
                DispatchStatus,
                path_fields=RoomPath,
                failures={
                    502: "The LiveKit server refuses.",
                    503: "The LiveKit server is away, or its key and secret are not set.",
                },
            ),
        ]

    async def dispatch(self, request: web.Request) -> web.Response:
        body = await read_json(request, FaultyDispatchBody)
        logs.about(body.room)
        received: dict[str, Any] = {"agent_id": body.agent_id, "settings": body.settings}
        if body.agent_name is not None:
            received["agent_name"] = body.agent_name
        self._timeline.note(body.room, "dispatch", "received", received)
        try:
            return answered(await self._answer(body))
        except ApiError as error:
            refused = {"code": error.code, "message": error.message}
            self._timeline.note(body.room, "dispatch", "refused", refused)
            raise

    async def _answer(self, body: FaultyDispatchBody) -> DispatchAnswer:
        if body.fault is not None and not self._settings.faults_enabled:
            raise ApiError(
                400,
                "FAULTS_NOT_ENABLED",
                f"The fault {body.fault!r} is not asked for, because FAULTS_ENABLED is not true. "
                "Leave `fault` out for a call that works.",
            )
        ours = self._settings.own_name
        if not ours and body.agent_name is None:
            raise ApiError(
                400,
                "AGENT_NAME_MISSING",
                "This system has no agent of its own (OWN_AGENT is off): say which one is wanted "
                "by 'agent_name', the name that its worker is registered by.",
            )
        if body.agent_name is not None and body.agent_name != ours:
            return await self._another(body, body.agent_name)
        if body.metadata:
            raise ApiError(
                400,
                "INVALID_REQUEST",
                f"'metadata' is for agents of another name; {ours!r} is told 'agent_id' and "
                "'settings'.",
            )
        request = DispatchRequest(body.agent_id, checked(body.settings, self._settings), body.fault)
        unchecked = await self._check_agent(body.agent_id)
        reply = await self._to_its_end(body.room, request)
        return DispatchAnswer(
            room=body.room, message=reply.message + unchecked, dispatch_id=reply.dispatch_id
        )

    async def _another(self, body: FaultyDispatchBody, name: str) -> DispatchAnswer:
        """An agent whose worker is not known here is asked for once; nobody looks after it."""
        if body.agent_id or body.settings or body.fault:
            raise ApiError(
                400,
                "INVALID_REQUEST",
                "'agent_id', 'settings' and 'fault' are for the agent "
                f"{self._settings.own_name!r}; {name!r} is sent with 'metadata'.",
            )
        snapshot = await fetch_snapshot(self._sfu, body.room)
        for there in snapshot.dispatches:
            if there.agent_name != name:
                continue
            if snapshot.agents or self._goes_on(there):
                message = f"Agent {name!r} has been asked to join room {body.room} already."
                return DispatchAnswer(room=body.room, message=message, dispatch_id=there.id)
            await self._sfu.delete_dispatch(body.room, there.id)  # nothing will come of it
        made = await self._sfu.create_dispatch(body.room, name, body.metadata)
        data = {"dispatch_id": made.id, "agent_name": name}
        self._timeline.note(body.room, "dispatch", "made", data)
        message = f"Agent {name!r} was asked to join room {body.room}."
        return DispatchAnswer(room=body.room, message=message, dispatch_id=made.id)

    def _goes_on(self, dispatch: Dispatch) -> bool:
        """Whether an agent may still come of a dispatch of another's. The server makes it once: to
        a worker that registers later it is not given."""
        begun = [job.started_at for job in dispatch.jobs if job.status in ("pending", "running")]
        if begun:
            return time.time() - max(begun) < self._settings.agent_join_timeout
        return not dispatch.jobs and time.time() - dispatch.created_at < NAMED_S

    def _of_another(self, snapshot: RoomSnapshot, record: DispatchRecord) -> str:
        """Who else was asked for in a room in which our agent is not; empty when nobody was."""
        if record.state is not State.NONE:
            return ""
        others = [
            dispatch
            for dispatch in snapshot.dispatches
            if dispatch.agent_name not in ("", self._settings.own_name)
        ]
        if not others:
            return ""
        last = max(others, key=lambda dispatch: dispatch.created_at)
        workers = ", ".join(job.worker_id for job in last.jobs if job.worker_id)
        taken = f"the worker {workers} has the job" if workers else "no worker has taken it yet"
        return f"Agent {last.agent_name!r} was asked for: {taken}."

    async def _check_agent(self, agent_id: str | None) -> str:
        """A warning when Letta cannot be asked for the agent; `ApiError` when it has none."""
        if agent_id is None:
            return ""
        try:
            known = await self._letta.knows(agent_id)
        except ApiError as error:
            return f" Letta agent {agent_id} could not be checked: {error.message}"
        if known:
            return ""
        raise unknown_agent(agent_id)

    async def _to_its_end(self, room: str, request: DispatchRequest) -> Reply:
        """Dispatch even when the caller goes away meanwhile: half a dispatch has no monitor."""
        task = asyncio.create_task(self._dispatcher.request(room, request))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Reply]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, as the caller may have gone away

    async def names(self, request: web.Request) -> web.Response:
        """What is in AGENTS comes first, in its order."""
        ours = self._settings.own_name
        known = [*self._settings.other_agents, *self._dispatcher.other_names]
        others = [name for name in dict.fromkeys(known) if name != ours]
        return answered(NamesAnswer(ours=ours or None, others=others))

    async def status(self, request: web.Request) -> web.Response:
        room = validated(RoomPath, request.match_info).room
        record, snapshot, worker = await self._dispatcher.status(room)
        return answered(
            DispatchStatus(
                room=room,
                state=record.state,
                message=self._of_another(snapshot, record) or record.message,
                room_exists=snapshot.exists,
                agents=[agent.identity for agent in snapshot.agents],
                callers=len(snapshot.callers),
                agent_id=record.request.agent_id,
                dispatch_id=record.dispatch_id,
                requested_at=record.requested_at,
                dispatched_at=record.dispatched_at,
                joined_at=record.joined_at,
                worker=worker.sentence if worker else None,
            )
        )
