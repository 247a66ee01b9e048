"""The debug page as a test sees it: controls by their names, what it says, what it complains of."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from livekit import api
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright, expect

from tests.running_system import ROOT, System, free_ports
from tests.system.page.browser import QUIET, chromium_path

HISTORIES = Path(__file__).parent / "histories"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# Violations of the Content-Security-Policy are events of the document; they are kept for the test.
KEEP_VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class DebugPage:
    """One tab with the page, and everything it complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.add_init_script(KEEP_VIOLATIONS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, query: str = "") -> None:
        """Load the page; return when there is an agent to choose."""
        self.page.goto(f"{self.url}/debug{query}")
        expect(self.agents.locator("option")).not_to_have_count(0)

    @property
    def agents(self) -> Locator:
        return self.page.get_by_label("Agent", exact=True)

    @property
    def room_field(self) -> Locator:
        return self.page.get_by_label("Room name")

    @property
    def room(self) -> str:
        return self.room_field.input_value()

    @property
    def status(self) -> Locator:
        return self.page.get_by_role("status")

    @property
    def conversation(self) -> Locator:
        return self.page.get_by_role("log", name="Conversation")

    @property
    def console(self) -> Locator:
        return self.page.get_by_role("log", name="Debug console")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def stage(self, name: str) -> Locator:
        """The cell of a stage; its accessible name is the stage, then how it is."""
        toolbar = self.page.get_by_role("toolbar", name="Stages of the call")
        return toolbar.get_by_role("button", name=re.compile(rf"^{name}\b"))

    def connect(self) -> None:
        """Press Connect; return when the room is connected."""
        self.button("Connect").click()
        expect(self.console).to_contain_text("Room connected successfully")

    def lines(self) -> list[str]:
        """The lines of the console without their times."""
        rows: list[str] = self.console.locator(".line > span").all_inner_texts()
        return rows

    def wait_for_level(self, meter: str, *, more_than: int) -> None:
        """Return once the meter of this name shows more; looked at in every frame, for it jumps."""
        self.page.wait_for_function(
            """([name, limit]) =>
              Number(document.querySelector(`[aria-label="${name}"]`).ariaValueNow) > limit""",
            arg=[meter, more_than],
        )

    def width_to_spare(self) -> int:
        """Pixels that are left before the page would scroll sideways; negative if it does."""
        spare: int = self.page.evaluate("innerWidth - document.documentElement.scrollWidth")
        return spare

    def assert_accessible(self) -> None:
        """Nothing on the page as it is now breaks a rule that axe can check (WCAG AA)."""
        self.page.evaluate(f"{AXE.read_text()}; 0")
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        broken = [
            f"{rule['id']}: {rule['help']}: {[node['html'] for node in rule['nodes']]}"
            for rule in found["violations"]
        ]
        assert not broken, "\n".join(broken)

    def assert_no_complaints(self, *expected: str) -> None:
        """No error in the browser's console and nothing that the page's policy had to stop."""
        unexpected = [c for c in self.complaints if not any(each in c for each in expected)]
        assert not unexpected, f"the browser's console: {unexpected}"
        violations = self.page.evaluate("window.violations")
        assert not violations, f"stopped by the page's policy: {violations}"


def launched(playwright: Playwright, *arguments: str) -> Browser:
    return playwright.chromium.launch(
        executable_path=chromium_path(), args=["--no-sandbox", *QUIET, *arguments]
    )


@contextmanager
def debug_page(
    browser: Browser,
    url: str,
    *,
    microphone: bool = True,
    width: int = 1280,
    height: int = 800,
    **context: Any,
) -> Iterator[DebugPage]:
    """A tab of its own, with or without leave to use the microphone."""
    opened = browser.new_context(viewport={"width": width, "height": height}, **context)
    try:
        granted = ["clipboard-read", "clipboard-write"]
        opened.grant_permissions(granted + ["microphone"] * microphone)
        yield DebugPage(opened.new_page(), url)
    finally:
        opened.close()


@contextmanager
def proxy_without_worker(system: System) -> Iterator[str]:
    """A second proxy on the system's SFU and Letta that asks for an agent that nobody brings."""
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        "PROXY_PORT": str(port),
        "LIVEKIT_URL": system.livekit_url,
        "LIVEKIT_API_KEY": system.api_key,
        "LIVEKIT_API_SECRET": system.api_secret,
        "LIVEKIT_AGENT_NAME": "nobody",
        **system.letta_settings,
        "MODELS_URL": system.models_url,
        "AGENT_URL": system.agent_url,
        "AGENT_CHECK": "false",
        "AGENT_JOIN_TIMEOUT": "2",
        "PROCESS_STATUS_DIR": str(system.home / "run"),
    }
    url = f"http://localhost:{port}"
    with subprocess.Popen(
        [sys.executable, "-m", "proxy"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            transport = httpx.HTTPTransport(retries=10)  # with a growing pause between two tries
            with httpx.Client(transport=transport) as client:
                client.get(f"{url}/healthz").raise_for_status()
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)


@contextmanager
def replayed_agent(
    system: System, room: str, history: str | Sequence[Any], proxy: str
) -> Iterator[None]:
    """An agent in the room that replays a history: the name of a file, or its steps.

    It reports what it does to the room and, as the real one does, to the timeline of `proxy`.
    """
    grants = api.VideoGrants(room_join=True, room=room, agent=True, can_update_own_metadata=True)
    token = (
        api.AccessToken(system.api_key, system.api_secret)
        .with_identity("agent-AJ_replayed")
        .with_kind("agent")
        .with_grants(grants)
        .to_jwt()
    )
    proof = (
        api.AccessToken(system.api_key, system.api_secret)
        .with_identity("agent")
        .with_grants(api.VideoGrants(agent=True, room=room))
        .to_jwt()
    )
    if isinstance(history, str):
        steps = (HISTORIES / f"{history}.json").read_text()
    else:
        steps = json.dumps(history)
    module = "tests.system.page.replayed_agent"
    with subprocess.Popen(
        [sys.executable, "-m", module, system.livekit_url, token, proxy, proof],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(steps)
            process.stdin.close()
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
