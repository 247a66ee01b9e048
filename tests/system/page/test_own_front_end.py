"""The page of the README that somebody writes for himself, on another port, without our code."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.faults.proxies import OwnProxy
from tests.running_system import ROOT, System
from tests.system.checkout import wait_for
from tests.system.page.debug_page import debug_page

SDK = ROOT / "node_modules" / "livekit-client" / "dist" / "livekit-client.esm.mjs"
ANSWER_MS = 20_000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *_: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with the SDK, and the origin at which it is served."""
    (tmp_path / SDK.name).write_bytes(SDK.read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield tmp_path, f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_of_the_readme_holds_a_call(
    chromium: Browser, system: System, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, origin = served
    (page,) = re.findall(r"```html\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    proxy = OwnProxy(system, tmp_path)
    (folder / "index.html").write_text(page.replace("http://localhost:9000", proxy.url))
    with (
        proxy.running(PROXY_ALLOWED_ORIGINS=origin),
        debug_page(chromium, origin) as opened,
    ):
        opened.page.goto(f"{origin}/index.html")
        opened.button("Call").click()
        expect(opened.page.locator("audio")).to_have_count(1, timeout=ANSWER_MS)

        def calls() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = httpx.get(f"{proxy.url}/api/calls").json()["calls"]
            return found

        wait_for("the call is kept", lambda: len(calls()) == 1, 10.0)
        (call,) = calls()
        assert re.fullmatch(r"room-[0-9a-f]{8}", call["room"])
        opened.assert_no_complaints("404 (File not found)")  # it has no icon
