"""`scripts/doctor URL`: what it tries at a deployment, and what it says when that is not right."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.probe import Finding
from dev.doctor import context, deployment
from dev.doctor.__main__ import parse
from dev.doctor.context import Context
from dev.doctor.endpoints import TABLE, Try, missing, tries

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/healthz": {"get": {}},
        "/health": {"get": {}},
        "/api/config": {"get": {}},
        "/api/token": {"post": {}},
        "/api/new": {"get": {}, "post": {}},
        "/api/bundle": {"get": {}},
    }
}


def refuses(status: int, code: str) -> web.Response:
    return web.json_response({"error": code, "message": f"{code} it is"}, status=status)


async def post(request: web.Request) -> web.Response:
    if "Origin" in request.headers:
        return refuses(403, "ORIGIN_NOT_ALLOWED")
    return refuses(400, "INVALID_REQUEST")


async def told(_: web.Request) -> web.Response:
    return web.json_response({"livekit_url": "ws://x", "agent_name": "x", "processes": {}})


async def document(_: web.Request) -> web.Response:
    return web.json_response(DOCUMENT)


async def page(_: web.Request) -> web.Response:
    text = '<script type="module" src="web/main.js"></script>'
    return web.Response(text=text, headers={"Content-Security-Policy": "script-src 'self'"})


async def script(_: web.Request) -> web.Response:
    return web.Response(text='import "./lost.js";')


async def broken(_: web.Request) -> web.Response:
    return web.Response(text="no zip")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A deployment whose bundle is no zip, whose page loads what is not there, and that gives no
    token."""
    app = web.Application()
    for path, handler in {
        "/healthz": told,
        "/health": told,
        "/api/config": told,
        "/api/new": told,
        "/api/bundle": broken,
        "/api/openapi.json": document,
        "/debug": page,
        "/web/main.js": script,
    }.items():
        app.router.add_get(path, handler)
    app.router.add_post("/api/token", post)
    app.router.add_post("/api/new", post)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def checkout(tmp_path: Path) -> Context:
    return context.read({"VOICE_HOME": str(tmp_path), "PATH": "/bin"}, tmp_path / ".env")


async def findings_at(url: str, checkout: Context) -> dict[str, Finding]:
    return {finding.what: finding for finding in await deployment.check(url, checkout)}


async def test_each_endpoint_is_tried_and_what_is_wrong_is_said(
    url: str, checkout: Context
) -> None:
    findings = await findings_at(url, checkout)

    for what in ("GET /healthz", "GET /health", "GET /debug", "GET /api/new", "POST /api/new"):
        assert findings[what].state == "ok", findings[what]
        assert findings[what].ms is not None
    assert findings["POST /api/new"].expected == "403 ORIGIN_NOT_ALLOWED (foreign page)"
    assert findings["GET /api/bundle"].detail == "200, but it is no zip"
    assert findings["GET /web/lost.js"].state == "fail"
    assert findings["GET /api/agents"].detail == "it is not listed"


async def test_without_a_token_nobody_joins(url: str, checkout: Context) -> None:
    findings = await findings_at(url, checkout)

    join = findings[deployment.WEBSOCKET]
    assert join.state == "skip"
    assert "POST /api/token" in join.detail
    assert deployment.DELETE not in findings


async def test_an_address_without_our_proxy_is_one_row(checkout: Context) -> None:
    nobody = await findings_at("http://127.0.0.1:1", checkout)
    assert [finding.state for finding in nobody.values()] == ["fail"]
    assert "connection refused" in nobody["GET /api/openapi.json"].detail

    async with TestServer(web.Application()) as server:
        other = await findings_at(f"http://127.0.0.1:{server.port}", checkout)
    assert "this is not our proxy" in other["GET /api/openapi.json"].detail


def test_the_rows_keep_their_form_as_json_and_as_lines() -> None:
    finding = Finding("network", "SFU: media over TCP", "warn", "closed", expected="open", ms=12.4)

    assert json.loads(json.dumps(deployment._as_json(finding))) == {
        "endpoint": "SFU: media over TCP",
        "expected": "open",
        "got": "closed",
        "ok": None,
        "ms": 12.4,
    }
    head, line = deployment.table([finding])
    assert head.split() == ["endpoint", "expected", "got", "ms", "ok"]
    assert line.split()[-2:] == ["12", "-"]


def test_every_endpoint_of_the_table_is_missed_when_it_is_not_listed() -> None:
    assert missing({}) == list(dict.fromkeys(attempt.of for attempt in TABLE))
    one: dict[str, Any] = {"paths": {"/healthz": {"get": {}}}}
    assert "GET /healthz" not in missing(one)
    assert [attempt for attempt in tries(one) if attempt.of == "GET /healthz"] == [
        Try("GET /healthz", "/healthz", 200)
    ]


def test_the_doctor_takes_an_address() -> None:
    options = parse(["http://localhost:9000", "--json"])

    assert options.url == "http://localhost:9000"
    assert options.json
    assert parse([]).url is None
