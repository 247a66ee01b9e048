"""Somebody else who has an account on this machine learns nothing from our ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.local_peer import is_stranger
from tests.running_system import System

NOBODY = 65534
# Loaded before it becomes the other user, who may not read where Python is.
ASK = """
import encodings.idna, http.client, json, os, socket, sys
questions, uid = json.loads(sys.argv[1]), int(sys.argv[2])
socket.getaddrinfo("localhost", 1)
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
told = {}
for name, (port, path, method, body) in questions.items():
    connection = http.client.HTTPConnection("localhost", port, timeout=5)
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    told[name] = [answer.status, answer.read(2000).decode(errors="replace")]
print(json.dumps(told))
"""

only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def told_to(
    uid: int, questions: Mapping[str, tuple[int, str, str, str]]
) -> dict[str, list[object]]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(questions), str(uid)],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[object]] = json.loads(done.stdout)
    return told


@only_root
async def test_a_connection_of_another_user_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=str(is_stranger(request.transport)))

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app, host="localhost") as server:
        for uid, stranger in ((NOBODY, "True"), (0, "False")):
            question = {"it": (server.port or 0, "/", "GET", "")}
            told = await asyncio.to_thread(told_to, uid, question)
            assert told["it"] == [200, stranger]


@only_root
def test_a_stranger_learns_nothing(system: System) -> None:
    proxy, letta, models = map(system.port, ("PROXY_PORT", "LETTA_PORT", "MODELS_PORT"))
    chat = json.dumps({"model": "rehearsal", "messages": [{"role": "user", "content": "hi"}]})
    refused = {
        "calls": (proxy, "/api/calls", "GET", ""),
        "agents": (proxy, "/api/agents", "GET", ""),
        "page": (proxy, "/debug", "GET", ""),
        "token": (proxy, "/api/token", "POST", '{"room": "r"}'),
        "letta through us": (proxy, "/letta/v1/agents", "GET", ""),
        "models": (models, "/v1/chat/completions", "POST", chat),
    }
    told = told_to(NOBODY, refused)
    assert {name: status for name, (status, _) in told.items()} == dict.fromkeys(refused, 403)
    assert "LOCAL_USERS=all" in str(told["calls"][1])
    of_letta = {
        "itself": (letta, "/app-server-info", "GET", ""),
        "its socket": (letta, "/ws", "GET", ""),
        "its REST": (letta, "/v1/tools/run", "POST", "{}"),
    }
    statuses = {status for status, _ in told_to(NOBODY, of_letta).values()}
    assert statuses <= {400, 401, 404, 426}, statuses
    open_to_all = told_to(NOBODY, {"alive": (proxy, "/healthz", "GET", "")})
    assert open_to_all["alive"][0] == 200
