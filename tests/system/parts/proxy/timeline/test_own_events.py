"""What the proxy and the LiveKit server themselves put into the timeline."""

from __future__ import annotations

from pathlib import Path

from livekit import api

from tests.fast.proxy.conftest import StartProxy
from tests.fast.proxy.timeline.conftest import opened, watching
from tests.fast.proxy.timeline.test_own_events import topics
from tests.fast.proxy.worker import TinyWorker
from tests.system.parts.proxy.conftest import LiveKit


async def test_a_dispatch_nobody_can_take_then_one_that_is_made(
    start_proxy: StartProxy,
    livekit: LiveKit,
    server: api.LiveKitAPI,
    worker: TinyWorker,
    database: Path,
    room: str,
) -> None:
    proxy = await start_proxy(
        livekit_url=livekit.url,
        agent_url=worker.status_url,
        proxy_port=livekit.webhook_port,
        calls_database=database,
    )
    await opened(proxy)
    await server.room.create_room(api.CreateRoomRequest(name=room))
    assert (await proxy.dispatch(room)).status == 503
    await worker.start()
    async with watching(proxy, room) as watcher:
        verified = await watcher.event("verified")
    assert verified["data"]["identity"].startswith("agent-")
    events = dict(topics(database, "dispatch"))
    assert [topic.removeprefix("proxy:dispatch.") for topic in events][:2] == [
        "received",
        "waiting_for_worker",
    ]
    assert events["proxy:dispatch.refused"]["code"] == "AGENT_NOT_REGISTERED"
    assert events["proxy:dispatch.waiting_for_worker"]["wanted"] == worker.name
    made = events["proxy:dispatch.made"]
    assert (made["attempt"], made["of"]) == (1, 3)
    assert made["ms"] > 0
