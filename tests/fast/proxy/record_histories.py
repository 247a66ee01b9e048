"""Records what the LiveKit server says of a room through the life of dispatches: `histories.json`.

    python -m tests.fast.proxy.joiner PORT &
    python -m tests.fast.proxy.record_histories WS_URL KEY SECRET http://127.0.0.1:PORT

Run it against a new version of livekit-server to see whether the decisions still rest on facts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
from google.protobuf.json_format import MessageToDict
from livekit import api

from tests.fast.proxy.worker import TinyWorker

FILE = Path(__file__).with_name("histories.json")
ROOM = "history"


class Recorder:
    """Writes down one room, again and again."""

    def __init__(self, server: api.LiveKitAPI, worker: TinyWorker) -> None:
        self._server = server
        self._worker = worker
        self._seen: dict[str, float] = {}
        self.moments: list[dict[str, Any]] = []

    async def dispatch(self) -> None:
        request = api.CreateAgentDispatchRequest(agent_name=self._worker.name, room=ROOM)
        await self._server.agent_dispatch.create_dispatch(request)

    async def moment(self, name: str) -> None:
        participants = await self._server.room.list_participants(
            api.ListParticipantsRequest(room=ROOM)
        )
        dispatches = await self._server.agent_dispatch.list_dispatch(ROOM)
        now = time.time()
        present = {p.identity for p in participants.participants}
        self._seen |= {identity: now for identity in present - self._seen.keys()}
        self.moments.append(
            {
                "name": name,
                "now": now,
                "participants": [MessageToDict(p) for p in participants.participants],
                "dispatches": [_without_rooms(MessageToDict(d)) for d in dispatches],
                "worker": await self._status(),
                "left": {i: at for i, at in self._seen.items() if i not in present},
            }
        )
        print(name)

    async def _status(self) -> Any:
        address = f"{self._worker.status_url}/worker"
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            return await response.json()


def _without_rooms(dispatch: dict[str, Any]) -> dict[str, Any]:
    """Leave out what each job repeats of the room: codecs, passwords."""
    for job in dispatch["state"].get("jobs", []):
        del job["room"]
    return dispatch


async def record(url: str, key: str, secret: str, joiner: str) -> None:
    worker = TinyWorker(url, key, secret, joiner)
    async with api.LiveKitAPI(url, key, secret) as server:
        recorder = Recorder(server, worker)
        await server.room.create_room(api.CreateRoomRequest(name=ROOM))
        await worker.start()
        await recorder.moment("nothing asked for yet")
        await recorder.dispatch()
        await recorder.moment("just dispatched")
        await worker.joined.wait()
        await asyncio.sleep(0.3)
        await recorder.moment("joined, job not named yet")
        await asyncio.sleep(6)
        await recorder.moment("joined, job named")
        await worker.leave(ROOM)
        await asyncio.sleep(0.3)
        await recorder.moment("left at the end of its job")
        worker.joins = False
        worker.joined.clear()
        await recorder.dispatch()
        await worker.joined.wait()
        await recorder.moment("second job taken, not joined")
        await asyncio.sleep(8)
        await recorder.moment("second job named, still not joined")
        worker.joins = True
        await worker.vanish()
        await recorder.moment("worker killed before it joined")
        await worker.register()
        await recorder.moment("another worker registered")
        worker.joined.clear()
        await recorder.dispatch()
        await worker.joined.wait()
        await asyncio.sleep(8)
        await recorder.moment("third dispatch joined")
        await worker.vanish()
        await worker.register()
        await recorder.moment("worker killed in the call, another registered")
        await server.room.delete_room(api.DeleteRoomRequest(room=ROOM))
    await worker.aclose()
    FILE.write_text(json.dumps(recorder.moments, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(record(*sys.argv[1:]))
