"""The page and everything it loads, followed from file to file."""

from __future__ import annotations

import re
from posixpath import dirname, normpath

from dev.deployment.client import Client, NoAnswer
from dev.deployment.row import Row

IN_HTML = re.compile(
    r"""(?:src|href)\s*=\s*["'](/?web/[^"'#?]+)["']|["'](/web/[^"'#?]+\.m?js)["']"""
)
IN_MODULES = re.compile(
    r"""(?:import|export)\s[^;"']*?["'](\.{1,2}/[^"']+)["']|@import\s+["'](.+?)["']"""
)
FILES_MAX = 500


async def check(client: Client) -> list[Row]:
    """`/debug` and its modules and styles."""
    try:
        page = await client.ask("GET", "/debug")
    except NoAnswer as error:
        return [Row("GET /debug", "200", str(error), False)]
    policy = page.headers.get("Content-Security-Policy", "")
    ok = page.status == 200 and "script-src" in policy
    got = str(page.status) if ok else f"{page.told}, policy {policy!r}"
    rows = [Row("GET /debug", "200 (with a policy)", got, ok, page.ms)]
    if page.status != 200:
        return rows
    found = IN_HTML.findall(page.body.decode(errors="replace"))
    waiting = [f"/{(one or other).lstrip('/')}" for one, other in found]
    return [*rows, *await _files(client, waiting)]


async def _files(client: Client, waiting: list[str]) -> list[Row]:
    seen: set[str] = set()
    broken: list[Row] = []
    total = 0.0
    while waiting and len(seen) < FILES_MAX:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            reply = await client.ask("GET", path)
        except NoAnswer as error:
            broken.append(Row(f"GET {path}", "200", str(error), False))
            continue
        total += reply.ms
        if reply.status != 200:
            broken.append(Row(f"GET {path}", "200", reply.told, False, reply.ms))
        elif not path.startswith("/web/vendor/") and path.endswith((".js", ".css")):
            text = reply.body.decode(errors="replace")
            waiting += [
                normpath(f"{dirname(path)}/{one or other}")
                for one, other in IN_MODULES.findall(text)
            ]
    got = f"{len(seen) - len(broken)} of {len(seen)} files"
    ok = not broken and len(seen) > 1
    return [Row("GET /web/… (all that the page loads)", "every file", got, ok, total), *broken]
