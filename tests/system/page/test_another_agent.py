"""The page with the agent of a worker that is not ours, spoken to by a recorded voice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from common.events import STAGES
from tests.anothers.stock import NAME, stock_worker
from tests.running_system import System, new_system
from tests.system.page.browser import browser_page
from tests.system.page.debug_page import DebugPage, debug_page

SPOKEN = Path(__file__).parent.parent / "spoken" / "my_favorite_color_is_green.wav"


def test_one_is_chosen_by_its_name_and_every_stage_is_proven(
    system: System, tmp_path: Path
) -> None:
    with (
        stock_worker(system, tmp_path),
        browser_page(SPOKEN) as tab,
    ):
        page = DebugPage(tab, system.proxy_url)
        page.open()
        page.agents.select_option(label="By its name…")
        expect(page.button("Connect")).to_be_disabled()
        tab.get_by_label("Name (agent_name)").fill(NAME)
        tab.get_by_label("Metadata").fill("{oops")
        expect(tab.locator("agent-picker")).to_contain_text("not JSON")
        tab.get_by_label("Metadata").fill('{"plan": "pro"}')
        with tab.expect_request("**/api/dispatch-agent") as asked:
            page.connect()
        assert asked.value.post_data_json == {
            "room": page.room,
            "agent_name": NAME,
            "metadata": '{"plan": "pro"}',
        }
        expect(page.conversation).to_contain_text(re.compile("green", re.I))
        for stage in STAGES:
            expect(page.stage(stage)).to_have_accessible_name(re.compile(rf"^{stage}.*\bok\b"))
        expect(page.conversation.locator(".time-bar, time-bar").first).to_be_visible()
        expect(page.conversation).to_contain_text("model")
        expect(tab.locator("memory-blocks")).to_contain_text("another worker")
        page.button("Disconnect").click()


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system without an agent of its own."""
    running = new_system(tmp_path_factory.mktemp("without"), OWN_AGENT="off", AGENTS=f"{NAME},bot")
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_a_system_without_an_agent_of_its_own(without: System, chromium: Browser) -> None:
    assert "OWN_AGENT is off" in without.command("status")
    health = httpx.get(f"{without.proxy_url}/health").json()
    assert (health["status"], set(health["processes"])) == ("ok", {"livekit", "proxy"})
    with debug_page(chromium, without.proxy_url) as page:
        page.open()
        expect(page.agents.locator("option")).to_have_text([NAME, "bot", "By its name…"])
        expect(page.button("Connect")).to_be_enabled()
        expect(page.page.locator("listening-form")).to_be_hidden()
        expect(page.button("New…")).to_be_hidden()
        page.connect()
        # Nobody has started that worker: it is said whose it is, not what to do with ours.
        expect(page.status).to_contain_text(f"dispatched “{NAME}”")
        page.button("Disconnect").click()
        page.assert_no_complaints()
    refused = httpx.post(f"{without.proxy_url}/api/dispatch-agent", json={"room": "a-room"})
    assert (refused.status_code, refused.json()["error"]) == (400, "AGENT_NAME_MISSING")
    agent = httpx.get(f"{without.proxy_url}/health/agent")
    assert agent.status_code == 200 and "OWN_AGENT" in agent.json()["message"]
