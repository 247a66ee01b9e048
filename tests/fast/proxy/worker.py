"""A worker in a few lines: the real protocol against the real LiveKit server, told what to do.

It registers, takes jobs or not, joins their rooms or not, and serves `/worker` like the agent does.
Every connection is real; only speech-to-text, llm and text-to-speech are missing.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from livekit import api
from livekit.protocol import agent as proto

from tests.running_system import free_ports


@dataclass
class TinyWorker:
    """One worker under `name` at the server `url`; `takes_jobs` and `joins` are what it does."""

    url: str
    key: str
    secret: str
    joiner: str
    """Address of the `joiner`, which joins rooms for this worker."""
    name: str = "letta-voice-agent"
    takes_jobs: bool = True
    joins: bool = True
    port: int = field(default_factory=lambda: free_ports(1)[0])
    worker_id: str | None = None
    registered_at: float | None = None
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    metadata: list[str] = field(default_factory=list)
    """Metadata of every job that was taken, in order."""

    def __post_init__(self) -> None:
        self.joined = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    @property
    def status_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self) -> None:
        """Serve the status, as a worker that is running does."""
        app = web.Application()
        app.router.add_get("/worker", self._status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def register(self) -> None:
        """Register with the server, under a new worker id."""
        token = (
            api.AccessToken(self.key, self.secret)
            .with_grants(api.VideoGrants(agent=True))
            .with_ttl(timedelta(minutes=5))
        ).to_jwt()
        self._session = self._session or aiohttp.ClientSession()
        address = self.url.replace("ws", "http", 1) + "/agent?" + urlencode({"protocol": "1"})
        self._socket = await self._session.ws_connect(
            address, headers={"Authorization": f"Bearer {token}"}
        )
        request = proto.RegisterWorkerRequest(
            type=proto.JT_ROOM, agent_name=self.name, version="tiny", ping_interval=30
        )
        request.allowed_permissions.can_subscribe = True
        request.allowed_permissions.can_publish = True
        await self._say(proto.WorkerMessage(register=request))
        answer = proto.ServerMessage.FromString(await self._socket.receive_bytes())
        self.worker_id = answer.register.worker_id
        self.registered_at = time.time()
        self._reader = asyncio.create_task(self._read(self._socket))

    async def start(self) -> None:
        await self.serve()
        await self.register()

    async def vanish(self) -> None:
        """End the connection as a killed worker does; its agents stay in their rooms as ghosts."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        self.worker_id = self.registered_at = None
        self.jobs.clear()

    async def leave(self, room: str) -> None:
        """Leave a room at the end of its job."""
        await self.joined.wait()  # the server shows a participant before the join is complete
        for job_id in [each for each, job in self.jobs.items() if job["room"] == room]:
            del self.jobs[job_id]
        await self._order("leave", room=room)

    async def aclose(self) -> None:
        await self.vanish()
        await self._order("leave")
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _order(self, what: str, **order: str) -> None:
        if self._session is None:
            return  # it never registered, so nobody has joined
        async with self._session.post(f"{self.joiner}/{what}", json=order) as response:
            response.raise_for_status()

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "registered": self.worker_id is not None,
                "agent_name": self.name,
                "worker_id": self.worker_id,
                "registered_at": self.registered_at,
                "livekit_url": self.url,
                "load": 0.0,
                "jobs": list(self.jobs.values()),
                "pid": 1,
                "version": "tiny",
                "last_error": None,
            }
        )

    async def _say(self, message: proto.WorkerMessage) -> None:
        assert self._socket is not None
        await self._socket.send_bytes(message.SerializeToString())

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for packet in socket:
            message = proto.ServerMessage.FromString(packet.data)
            if message.HasField("availability"):
                await self._answer(message.availability.job)
            elif message.HasField("assignment"):
                await self._work(message.assignment)

    async def _answer(self, job: api.Job) -> None:
        answer = proto.AvailabilityResponse(
            job_id=job.id, available=self.takes_jobs, participant_identity=f"agent-{job.id}"
        )
        await self._say(proto.WorkerMessage(availability=answer))

    async def _work(self, assignment: api.JobAssignment) -> None:
        job = assignment.job
        self.jobs[job.id] = {"id": job.id, "room": job.room.name, "since": time.time()}
        self.metadata.append(job.metadata)
        if self.joins:
            await self._order("join", url=self.url, token=assignment.token)
        self.joined.set()
