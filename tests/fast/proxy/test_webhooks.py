"""Webhooks: only what the LiveKit server signed is believed. (What they lead to: test_dispatch.)"""

from __future__ import annotations

import base64
import hashlib

import pytest
from livekit import api

from tests.fast.proxy.conftest import KEY, SECRET, Asked, Proxy, StartProxy

BODY = '{"event": "room_finished", "room": {"name": "r"}, "new_field": 1}'


@pytest.fixture
async def proxy(start_proxy: StartProxy) -> Proxy:
    return await start_proxy()


def signature(body: str = BODY, *, secret: str = SECRET, sha256: bool = True) -> str:
    token = api.AccessToken(KEY, secret)
    if sha256:
        token.with_sha256(base64.b64encode(hashlib.sha256(body.encode()).digest()).decode())
    return token.to_jwt()


async def send(proxy: Proxy, body: str, authorization: str | None) -> Asked:
    headers = {"Content-Type": "application/webhook+json"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return await proxy.ask("POST", "/webhooks/livekit", data=body.encode(), headers=headers)


async def test_what_is_signed_is_taken(proxy: Proxy) -> None:
    assert (await send(proxy, BODY, signature())).status == 200


@pytest.mark.parametrize(
    ("body", "authorization"),
    [
        (BODY, None),
        (BODY, ""),
        (BODY, "nonsense"),
        (BODY, signature(secret="w" * 40)),
        (BODY, signature(sha256=False)),
        (BODY.replace('"r"', '"s"'), signature()),
        ("no json", signature("no json")),
    ],
)
async def test_what_is_not_is_refused(proxy: Proxy, body: str, authorization: str | None) -> None:
    answer = await send(proxy, body, authorization)
    assert (answer.status, answer.json["error"]) == (401, "WEBHOOK_REFUSED")


async def test_a_caller_token_signs_no_report(proxy: Proxy) -> None:
    token = (await proxy.post("/api/token", {"room": "r"})).json["token"]
    assert (await send(proxy, BODY, token)).status == 401
