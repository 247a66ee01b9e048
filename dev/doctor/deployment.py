"""./scripts/doctor URL, by its other name ./scripts/check-deployment [URL]: try and time every
endpoint of a running system in a way that changes nothing, and join a room as a page does."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from posixpath import dirname, normpath
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from livekit import api

from common.probe import (
    ROOM_PREFIX,
    Finding,
    Probe,
    ProbeAnswer,
    ProbeFailed,
    State,
    ask,
    flat,
    run,
)
from dev.doctor import context, sfu_path
from dev.doctor.context import Context
from dev.doctor.endpoints import Client, NoAnswer, missing, probes_of
from proxy.clients.outside import FAILURES
from proxy.settings import ProxySettings

DOCUMENT = "/api/openapi.json"
IN_HTML = re.compile(
    r"""(?:src|href)\s*=\s*["'](/?web/[^"'#?]+)["']|["'](/web/[^"'#?]+\.m?js)["']"""
)
IN_MODULES = re.compile(
    r"""(?:import|export)\s[^;"']*?["'](\.{1,2}/[^"']+)["']|@import\s+["'](.+?)["']"""
)
FILES_MAX = 500
TOKEN_LIFE_MAX_S = 3600
WEBSOCKET, DELETE = "SFU: join by WebSocket", "SFU: delete the room"
WIDTHS = (46, 34, 40)


def main(arguments: Sequence[str]) -> int:
    exported = dict(os.environ)
    checkout = context.read(exported)
    options = _options(arguments, checkout)
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    findings = asyncio.run(check(options.url, checkout))
    failed = [finding for finding in findings if finding.state == "fail"]
    if options.json:
        rows = [_as_json(finding) for finding in findings]
        answer = {"url": options.url, "ok": not failed, "rows": rows}
        print(json.dumps(checkout.redactor.data(answer), indent=2))
    else:
        for line in table(findings):
            print(checkout.redactor.text(line))
        tried = sum(_ok(finding) is not None for finding in findings)
        print(
            f"{tried - len(failed)} of {tried} as expected at {options.url} "
            f"({time.monotonic() - began:.1f} s)"
        )
    return 1 if failed else 0


def _options(arguments: Sequence[str], checkout: Context) -> argparse.Namespace:
    default = f"http://localhost:{checkout.settings.proxy_port}"
    parser = argparse.ArgumentParser(
        prog="./scripts/check-deployment",
        description="Try every endpoint of a running system in a way that changes nothing, and "
        "join a room as a page does. Nothing is left behind.",
        epilog="Ends with 0 when everything is as expected, 1 when not, 2 for wrong usage.",
    )
    parser.add_argument("url", nargs="?", default=default, help=f"address (default: {default})")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    options = parser.parse_args(arguments)
    address = urlsplit(options.url)
    if address.scheme not in ("http", "https") or not address.hostname:
        parser.error(f"{options.url!r} is no address such as {default}")
    options.url = f"{address.scheme}://{address.netloc}"
    return options


async def check(url: str, checkout: Context) -> list[Finding]:
    """All that can be tried at this address, one after another."""
    jar, connector = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=8)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        client = Client(session, url)
        name = f"GET {DOCUMENT}"
        try:
            reply = await client.ask("GET", DOCUMENT)
        except NoAnswer as error:
            return [Finding("endpoints", name, "fail", f"{url}: {error}", expected="200")]
        document: Mapping[str, Any] = reply.json
        if reply.status != 200 or "paths" not in document:
            got = f"{reply.outcome}: this is not our proxy, or an old one"
            return [Finding("endpoints", name, "fail", got, ms=reply.ms, expected="200")]
        probes = [
            Probe[ProbeAnswer]("GET /debug", partial(_page, client), "endpoints", limit=60.0),
            *probes_of(document, client),
        ]
        findings = flat(await run(probes, at_once=1))
        findings += [
            Finding("endpoints", of, "fail", "it is not listed", expected="is there")
            for of in missing(document)
        ]
        return [*findings, *await _joining(client, checkout.settings)]


async def _page(client: Client) -> list[Finding]:
    """`/debug`, and the modules and styles that it loads, followed from file to file."""
    try:
        page = await client.ask("GET", "/debug")
    except NoAnswer as error:
        raise ProbeFailed(str(error)) from None
    policy = page.headers.get("Content-Security-Policy", "")
    ok = page.status == 200 and "script-src" in policy
    got = str(page.status) if ok else f"{page.outcome}, policy {policy!r}"
    expected = "200 (with a policy)"
    of_page = Finding(
        "endpoints", "GET /debug", "ok" if ok else "fail", got, ms=page.ms, expected=expected
    )
    if page.status != 200:
        return [of_page]
    links = IN_HTML.findall(page.body.decode(errors="replace"))
    return [of_page, *await _files(client, [f"/{(a or b).lstrip('/')}" for a, b in links])]


async def _files(client: Client, waiting: list[str]) -> list[Finding]:
    seen: set[str] = set()
    broken: list[Finding] = []
    total = 0.0
    while waiting and len(seen) < FILES_MAX:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            reply = await client.ask("GET", path)
        except NoAnswer as error:
            broken.append(Finding("endpoints", f"GET {path}", "fail", str(error), expected="200"))
            continue
        total += reply.ms
        if reply.status != 200:
            broken.append(
                Finding(
                    "endpoints", f"GET {path}", "fail", reply.outcome, "", reply.ms, False, "200"
                )
            )
        elif not path.startswith("/web/vendor/") and path.endswith((".js", ".css")):
            text = reply.body.decode(errors="replace")
            waiting += [normpath(f"{dirname(path)}/{a or b}") for a, b in IN_MODULES.findall(text)]
    got = f"{len(seen) - len(broken)} of {len(seen)} files"
    state: State = "fail" if broken or len(seen) <= 1 else "ok"
    what = "GET /web/… (all that the page loads)"
    return [
        Finding("endpoints", what, state, got, ms=round(total, 1), expected="every file"),
        *broken,
    ]


async def _joining(client: Client, settings: ProxySettings) -> list[Finding]:
    """The whole way into a room: token, WebSocket to the SFU, and where it takes media. The room is
    deleted where these settings have the SFU's key; else the SFU ends it by itself, some seconds
    after we left."""
    room = f"{ROOM_PREFIX}{secrets.token_hex(4)}"
    access: dict[str, str] = {}
    probes: list[Probe[ProbeAnswer]] = [
        Probe(
            "POST /api/token",
            partial(_token, client, room, access),
            "endpoints",
            expected="200 (a token)",
        ),
        Probe(
            WEBSOCKET,
            lambda: sfu_path.join(client.session, access["url"], access["token"], WEBSOCKET),
            "network",
            needs=("POST /api/token",),
            expected="welcome",
        ),
    ]
    findings = flat(await run(probes))
    if any(finding.what == WEBSOCKET and finding.state == "ok" for finding in findings):
        delete = partial(_delete, settings, access["url"], room)
        findings += await ask(Probe(DELETE, delete, "network", expected="gone"))
    return findings


async def _token(client: Client, room: str, access: dict[str, str]) -> str:
    body = {"room": room, "identity": f"check-{secrets.token_hex(3)}"}
    try:
        reply = await client.ask("POST", "/api/token", body=body)
    except NoAnswer as error:
        raise ProbeFailed(str(error)) from None
    if reply.status != 200:
        raise ProbeFailed(reply.outcome)
    if wrong := _wrong_token(reply.json, room):
        raise ProbeFailed(wrong)
    access.update(url=reply.json["url"], token=reply.json["token"])
    return "200"


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
    return "" if 0 < left <= TOKEN_LIFE_MAX_S else f"200, but it is good for {left:.0f} s"


async def _delete(settings: ProxySettings, url: str, room: str) -> str:
    if settings.livekit_credentials is None or settings.livekit_url.rstrip("/") != url.rstrip("/"):
        raise ProbeFailed("no key for this SFU here; it ends the room by itself", state="skip")
    try:
        async with api.LiveKitAPI(url, *settings.livekit_credentials) as server:
            with contextlib.suppress(api.ServerError):  # what is still there is seen below
                await sfu_path.delete_room(settings, url, room)
            left = await server.room.list_rooms(api.ListRoomsRequest(names=[room]))
    except (api.ServerError, *FAILURES) as error:
        raise ProbeFailed(str(error)) from None
    if left.rooms:
        raise ProbeFailed("it is still there")
    return "gone"


def _ok(finding: Finding) -> bool | None:
    """None for what could not be tried, and for what a call can do without."""
    return {"ok": True, "fail": False}.get(finding.state)


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "endpoint": finding.what,
        "expected": finding.expected,
        "got": finding.detail,
        "ok": _ok(finding),
        "ms": finding.ms,
    }


def table(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings as aligned lines; what went wrong is never cut."""
    yield _line(("endpoint", "expected", "got"), "ms", "ok")
    for finding in findings:
        ms = f"{finding.ms:.0f}" if finding.ms is not None else ""
        sign = {"ok": "ok", "fail": "FAIL"}.get(finding.state, "-")
        texts = (finding.what, finding.expected, finding.detail)
        yield _line(texts, ms, sign, whole=finding.state != "ok")


def _line(texts: Sequence[str], ms: str, sign: str, *, whole: bool = False) -> str:
    cells = [f"{_cut(text, width):<{width}}" for text, width in zip(texts, WIDTHS, strict=True)]
    more = f"\n    {texts[2]}" if whole and len(texts[2]) > WIDTHS[2] else ""
    return f"{'  '.join(cells)}  {ms:>6}  {sign}{more}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
