"""Participants on demand, in a process of their own: `python -m tests.fast.proxy.joiner PORT`.

The native WebRTC library wants one event loop for as long as it lives; every test has its own. So
it lives here: `POST /join {"url", "token"}` answers the name of the room that was joined,
`POST /leave {"room"}` has all leave it, `POST /leave {}` leaves all.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web
from livekit import rtc

ROOMS: list[rtc.Room] = []


async def join(request: web.Request) -> web.Response:
    order = await request.json()
    room = rtc.Room()
    await room.connect(order["url"], order["token"])
    ROOMS.append(room)
    return web.json_response({"room": room.name})


async def leave(request: web.Request) -> web.Response:
    order = await request.json()
    leaving = [room for room in ROOMS if order.get("room") in (None, room.name)]
    for room in leaving:
        ROOMS.remove(room)
    await asyncio.gather(*(room.disconnect() for room in leaving))
    return web.json_response({})


def main() -> None:
    app = web.Application()
    app.router.add_post("/join", join)
    app.router.add_post("/leave", leave)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
