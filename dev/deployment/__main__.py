"""./scripts/check-deployment [URL]: try every endpoint of a running system; see --help."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from dev.deployment import joining, page
from dev.deployment.client import Client, NoAnswer
from dev.deployment.row import Row, table
from dev.deployment.tries import missing, tries
from dev.doctor import surroundings
from dev.doctor.surroundings import Surroundings

DOCUMENT = "/api/openapi.json"


def main(arguments: Sequence[str]) -> int:
    exported = dict(os.environ)
    around = surroundings.look(exported)
    url = _options(arguments, around)
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    rows = asyncio.run(_check(url.url, around))
    failed = [row for row in rows if row.ok is False]
    if url.json:
        told = {"url": url.url, "ok": not failed, "rows": [row.as_json() for row in rows]}
        print(json.dumps(around.redactor.data(told), indent=2))
    else:
        for line in table(rows):
            print(around.redactor.text(line))
        tried = sum(row.ok is not None for row in rows)
        print(
            f"{tried - len(failed)} of {tried} as expected at {url.url} "
            f"({time.monotonic() - began:.1f} s)"
        )
    return 1 if failed else 0


def _options(arguments: Sequence[str], around: Surroundings) -> argparse.Namespace:
    default = f"http://localhost:{around.settings.proxy_port}"
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


async def _check(url: str, around: Surroundings) -> list[Row]:
    jar, connector = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=8)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        client = Client(session, url)
        try:
            reply = await client.ask("GET", DOCUMENT)
        except NoAnswer as error:
            return [Row(f"GET {DOCUMENT}", "200", f"{url}: {error}", False)]
        document: Mapping[str, Any] = reply.json
        if reply.status != 200 or "paths" not in document:
            got = f"{reply.told}: this is not our proxy, or an old one"
            return [Row(f"GET {DOCUMENT}", "200", got, False, reply.ms)]
        rows = await page.check(client)
        for each in tries(document):
            if each.of != "GET /debug":
                rows.append(await each.run(client))
        rows += [Row(of, "is there", "it is not listed", False) for of in missing(document)]
        return [*rows, *await joining.check(client, around.settings)]


def end(code: int) -> None:
    sys.stdout.flush()
    sys.exit(code)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
