"""The proxy's log lines: as JSON, with the room, and without secrets."""

from __future__ import annotations

import json
import logging
from typing import Any

from common.logs import formatter
from tests.fast.proxy.conftest import StartProxy
from tests.system.parts.proxy.conftest import LiveKit


async def test_the_lines_of_a_request_name_its_room_and_the_next_ones_do_not(
    start_proxy: StartProxy, livekit: LiveKit
) -> None:
    lines: list[dict[str, Any]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(formatter("json", [], "proxy").format(record)))

    keeping = Keeping()
    access = logging.getLogger("proxy.access")
    access.addHandler(keeping)
    access.setLevel(logging.DEBUG)
    try:
        proxy = await start_proxy(livekit_url=livekit.url)
        await proxy.post("/api/token", {"room": "asked"})
        await proxy.get("/api/rooms/named/verdicts")
        await proxy.get("/healthz")
    finally:
        access.removeHandler(keeping)
        access.setLevel(logging.NOTSET)
    assert [line.get("room") for line in lines] == ["asked", "named", None]
