"""A real way into a room: token, WebSocket to the SFU, and where it takes media."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import time
from collections.abc import Mapping

from livekit import api

from common.probe import ROOM_PREFIX
from dev.deployment.client import Client, NoAnswer
from dev.deployment.row import Row
from dev.doctor import stun
from dev.doctor.signalling import Joined, JoinRefused, joined
from dev.doctor.stun import Candidate
from proxy.outside import FAILURES, in_words
from proxy.settings import ProxySettings

JOIN_LIMIT_S = 5.0
MEDIA_LIMIT_S = 2.0
WEBSOCKET = "SFU: join by WebSocket"


async def check(client: Client, settings: ProxySettings) -> list[Row]:
    """Rows of the whole way. The room is deleted where these settings have the SFU's key; else the
    SFU ends it by itself, some seconds after we left."""
    room = f"{ROOM_PREFIX}{secrets.token_hex(4)}"
    body = {"room": room, "identity": f"check-{secrets.token_hex(3)}"}
    try:
        reply = await client.ask("POST", "/api/token", body=body)
    except NoAnswer as error:
        return [Row("POST /api/token", "200 (a token)", str(error), False)]
    wrong = _wrong_token(reply.json, room) if reply.status == 200 else reply.told
    token = Row("POST /api/token", "200 (a token)", wrong or "200", not wrong, reply.ms)
    if wrong:
        return [token, Row(WEBSOCKET, "welcome", "there is no token", None)]
    url = reply.json["url"]
    try:
        async with joined(client.session, url, reply.json["token"], JOIN_LIMIT_S) as here:
            welcome = Row(WEBSOCKET, "welcome", f"livekit-server {here.server}", True, here.ms)
            rows = [token, welcome, *await _media(here)]
    except (JoinRefused, *FAILURES) as error:
        told = str(error) if isinstance(error, JoinRefused) else f"{url}: {in_words(error)}"
        return [token, Row(WEBSOCKET, "welcome", told, False)]
    return [*rows, await _deleted(settings, url, room)]


def _wrong_token(answer: Mapping[str, object], room: str) -> str:
    """What is wrong with the token; it must be for this room and nothing more."""
    try:
        part = str(answer["token"]).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        video = dict(claims["video"])
        left = float(claims["exp"]) - time.time()
    except (KeyError, IndexError, ValueError, TypeError) as error:
        return f"200, but no LiveKit token ({type(error).__name__})"
    if video.get("room") != room or not video.get("roomJoin"):
        return f"200, but its room is {video.get('room')!r}"
    if more := [name for name in ("roomAdmin", "roomCreate", "roomList") if video.get(name)]:
        return f"200, but it allows {', '.join(more)}"
    return "" if 0 < left <= 3600 else f"200, but it is good for {left:.0f} s"


async def _media(here: Joined) -> list[Row]:
    rows = [await _answer(candidate) for candidate in here.candidates]
    if not rows:
        return [Row("SFU: media", "UDP or TCP", "it offers no address for media", False)]
    if any(row.ok for row in rows):
        # One way is enough for a call; the other then counts as not needed.
        rows = [row if row.ok else Row(row.endpoint, row.expected, row.got, None) for row in rows]
    return rows


async def _answer(candidate: Candidate) -> Row:
    name = f"SFU: media, {candidate.place}"
    try:
        ms = await stun.answered(candidate, MEDIA_LIMIT_S)
    except TimeoutError:
        return Row(name, "answers to ICE", f"no answer within {MEDIA_LIMIT_S:g} s", False)
    except OSError as error:
        return Row(name, "answers to ICE", str(error), False)
    return Row(name, "answers to ICE", "answers", True, ms)


async def _deleted(settings: ProxySettings, url: str, room: str) -> Row:
    name, expected = "SFU: delete the room", "gone"
    if settings.livekit_credentials is None or settings.livekit_url.rstrip("/") != url.rstrip("/"):
        return Row(name, expected, "no key for this SFU here; it ends the room by itself", None)
    began = time.monotonic()
    async with api.LiveKitAPI(url, *settings.livekit_credentials) as server:
        with contextlib.suppress(api.ServerError):  # it is told below what is still there
            await server.room.delete_room(api.DeleteRoomRequest(room=room))
        try:
            left = await server.room.list_rooms(api.ListRoomsRequest(names=[room]))
        except (api.ServerError, *FAILURES) as error:
            return Row(name, expected, str(error), False)
    ms = round((time.monotonic() - began) * 1000, 1)
    gone = not left.rooms
    return Row(name, expected, "gone" if gone else "it is still there", gone, ms)
