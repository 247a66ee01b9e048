"""The debug page in a real Chromium: what it shows, says and does, for everybody."""

from __future__ import annotations

import re
import secrets
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Browser, Playwright, Route, expect

from common.events import STAGES
from common.letta.app_server import AppServer
from tests.faults.beside import beside
from tests.faults.call import Call
from tests.running_system import System
from tests.system.checkout import wait_for
from tests.system.page.debug_page import (
    DebugPage,
    debug_page,
    launched,
    proxy_without_worker,
    replayed_agent,
)

READY = "Agent connected! Start speaking..."
WAITING = "Connected! Waiting for agent to join..."
FIRST_LINES = (
    r"🔗 Connecting to room: {room} on ws://localhost:\d+",
    r"✅ Room connected successfully",
    r"📡 Requesting agent dispatch to room\.\.\.",
    r"✅ Agent dispatch requested: .+",
    r"🎤 Enabling microphone\.\.\.",
    r"✅ Microphone enabled successfully!",
)
NASTY = '<img src=x onerror="window.hacked=1"> & "quotes"'


def new_agent(system: System, name: str, human: str = "") -> str:
    """Id of a Letta agent that was made just now."""
    made = httpx.post(
        f"{system.proxy_url}/api/agents", json={"name": name, "human": human}, timeout=60
    )
    return str(made.raise_for_status().json()["agent"]["id"])


def test_everything_has_a_name_and_a_role(page: DebugPage) -> None:
    expect(page.agents).to_have_role("combobox")
    expect(page.room_field).not_to_have_value("")
    for name in ("Connect", "Disconnect", "Mute", "Send", "Copy", "New…", "Refresh the list"):
        expect(page.button(name)).to_be_visible()
    expect(page.button("Connect")).to_be_enabled()
    expect(page.button("Disconnect")).to_be_disabled()
    expect(page.button("Mute")).to_be_disabled()
    expect(page.status).to_have_text("Choose an agent and press Connect.")
    expect(page.page.get_by_role("meter", name="Microphone level")).to_be_visible()
    expect(page.page.get_by_role("meter", name="Agent voice level")).to_be_visible()
    expect(page.page.get_by_role("textbox", name="Message")).to_be_visible()
    expect(page.conversation).to_be_visible()
    expect(page.console).to_be_visible()
    for stage in STAGES:
        expect(page.stage(stage)).to_be_visible()
    expect(page.page.get_by_role("list", name="Processes")).to_contain_text("livekit")
    nameless = page.page.locator("button, input, select, textarea").evaluate_all(
        "all => all.filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length"
    )
    assert nameless == 0


def test_a_call_then_another_one_with_another_agent(chromium: Browser, system: System) -> None:
    second = new_agent(system, "a second agent")
    with debug_page(chromium, system.proxy_url) as page:
        page.open()
        first = page.agents.locator("option:checked").inner_text()
        room = page.room
        page.connect()
        expect(page.status).to_have_text(READY)
        expect(page.console).to_contain_text("Microphone enabled successfully!")
        assert_first_lines(page.lines(), room)
        expect(page.console).to_contain_text(f"of agent {first}")
        expect(page.button("Connect")).to_be_disabled()

        page.button("Disconnect").click()
        expect(page.status).to_have_text("Disconnected. Choose an agent and press Connect.")
        page.button("Clear").click()
        page.agents.select_option(second)
        room = page.room
        page.connect()
        expect(page.status).to_have_text(READY)
        expect(page.console).to_contain_text("of agent a second agent")
        assert_first_lines(page.lines(), room)
        page.assert_no_complaints()


def assert_first_lines(lines: list[str], room: str) -> None:
    """The lines of every call, in their order; other lines may stand between them."""
    rest = iter(lines)
    for expected in FIRST_LINES:
        pattern = expected.replace("{room}", re.escape(room))
        assert any(re.fullmatch(pattern, line) for line in rest), f"{pattern!r} not in {lines}"


def test_typed_words_are_answered(chromium: Browser, system: System) -> None:
    with debug_page(chromium, system.proxy_url, microphone=False) as page:
        page.open()
        page.connect()
        message = page.page.get_by_role("textbox", name="Message")
        message.fill("hello there")
        message.press("Enter")
        reply = page.conversation.locator("[data-who=agent]")
        expect(reply.first).to_be_visible()
        expect(page.conversation).to_contain_text("hello there")
        expect(reply.locator("time-bar:visible").first).to_be_visible()
        page.assert_no_complaints()


def test_the_first_lines_in_order_and_a_time_to_the_millisecond(page: DebugPage) -> None:
    room = page.room
    page.connect()
    expect(page.status).to_have_text(WAITING)
    expect(page.console).to_contain_text("Microphone enabled successfully!")
    assert_first_lines(page.lines(), room)
    page.button("Copy").click()
    expect(page.button("Copied")).to_be_visible()
    copied = page.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert_first_lines([line[13:] for line in copied], room)
    for line in copied:
        assert re.match(r"\d\d:\d\d:\d\d\.\d\d\d ", line)


def test_no_agent_is_said_with_the_reason_and_does_not_end_the_call(
    page: DebugPage, system: System
) -> None:
    page.connect()
    expect(page.status).to_contain_text("Nobody took the dispatch to “nobody”")
    expect(page.status).to_contain_text("LIVEKIT_AGENT_NAME=nobody")
    expect(page.console).to_contain_text("❌ dispatch fails: Nobody took the dispatch to “nobody”")
    expect(page.button("Disconnect")).to_be_enabled()
    with replayed_agent(system, page.room, [{"state": "listening"}], page.url):
        expect(page.status).to_have_text(READY)


def test_a_conversation_as_it_goes_on(page: DebugPage, system: System) -> None:
    page.connect()
    expect(page.console).to_contain_text("Microphone enabled successfully!")
    # The history is of another microphone than this one, whose beeps nobody listens to.
    page.button("Mute").click()
    with replayed_agent(system, page.room, "two_turns", page.url):
        expect(page.conversation).to_contain_text("favorite color is green")
        first, second = (page.conversation.locator("[data-who=agent]").nth(n) for n in (0, 1))
        expect(first.locator("time-bar strong")).to_have_text("676 ms")
        expect(second).to_contain_text("interrupted")
        expect(second.locator(".said")).to_have_text(
            "There was once a river that did not want to reach"
        )
        expect(second.locator(".unheard")).to_have_text("the sea, so it learned to run in circles.")

        tool = first.get_by_text("memory_insert · success")
        expect(first.get_by_text("has been edited")).to_be_hidden()
        tool.click()
        expect(first.get_by_text("has been edited")).to_be_visible()

        first.locator("time-bar button").click()
        details = page.page.get_by_role("tabpanel", name="Turn")
        expect(details).to_contain_text("first token of the reply")
        expect(details).to_contain_text("tool_return")
        for stage in STAGES:
            # Muted; and a machine that tests keep busy may have no CPU to spare.
            well = "(ok|waiting)" if stage in ("hear", "system") else "ok"
            expect(page.stage(stage)).to_have_accessible_name(re.compile(rf"^{stage} {well}"))


def test_the_agents_voice_moves_its_meter(page: DebugPage, system: System) -> None:
    page.connect()
    words = {"agent": "one two three four five six seven eight nine ten", "id": "R1"}
    with replayed_agent(system, page.room, [{"state": "listening"}, words], page.url):
        page.wait_for_level("Agent voice level", more_than=30)


def test_the_microphone_moves_its_meter_until_it_is_muted(page: DebugPage) -> None:
    page.connect()
    page.wait_for_level("Microphone level", more_than=30)
    page.button("Mute").click()
    expect(page.button("Mute")).to_have_attribute("aria-pressed", "true")
    meter = page.page.get_by_role("meter", name="Microphone level")
    expect(meter).to_have_attribute("aria-valuenow", "0")
    page.button("Mute").click()
    expect(page.button("Mute")).to_have_attribute("aria-pressed", "false")
    page.wait_for_level("Microphone level", more_than=30)


def test_a_denied_microphone_is_said_and_can_be_allowed(chromium: Browser, lonely: str) -> None:
    with debug_page(chromium, lonely, microphone=False) as page:
        page.open()
        page.connect()
        trouble = page.page.get_by_role("alert").filter(has_text="microphone")
        expect(trouble).to_contain_text("was not allowed to use the microphone")
        expect(trouble).to_contain_text("The call goes on: you can type.")
        expect(page.status).to_have_text(WAITING)
        page.page.context.grant_permissions(["microphone"])
        page.button("Try again").click()
        expect(page.console).to_contain_text("Microphone enabled successfully!")
        expect(trouble).to_be_hidden()
        page.assert_no_complaints()


def test_no_microphone_at_all_is_said(playwright: Playwright, lonely: str) -> None:
    browser = launched(playwright)
    with debug_page(browser, lonely) as page:
        page.open()
        page.connect()
        expect(page.page.get_by_text("No microphone was found.").first).to_be_visible()
    browser.close()


def test_sound_that_the_browser_holds_back_starts_by_a_button(
    chromium: Browser, lonely: str, system: System
) -> None:
    press = "addEventListener('load', () => document.querySelector('call-buttons button').click())"
    with (
        replayed_agent(system, "held-back", [{"state": "listening"}], lonely),
        debug_page(chromium, lonely, microphone=False) as page,
    ):
        # Connected by a script, not by a person: nobody has touched the page yet. And nothing is
        # asked of it before, for an evaluation by the test counts as a touch.
        page.page.add_init_script(press)
        with page.page.expect_console_message(
            lambda message: "could not playback audio" in message.text
        ):
            page.page.goto(f"{lonely}/debug?room=held-back")
        # The same button stands beside the evidence, too.
        start = page.button("Start audio").first
        expect(start).to_be_visible()
        expect(page.console).to_contain_text("The browser holds the sound back")
        start.click()
        expect(page.button("Start audio")).to_have_count(0)


def test_everything_by_keyboard(page: DebugPage) -> None:
    keyboard = page.page.keyboard
    page.room_field.focus()
    keyboard.press("Control+A")
    keyboard.type("by-keyboard")
    keyboard.press("Enter")
    expect(page.status).to_have_text(WAITING)
    reached = []
    for _ in range(40):
        keyboard.press("Tab")
        reached.append(
            str(
                page.page.evaluate(
                    """() => {
              const e = document.activeElement;
              const outline = getComputedStyle(e).outlineStyle;
              return `${e.ariaLabel || e.innerText || e.labels?.[0]?.innerText || e.tagName}` +
                (e === document.body || outline !== 'none' ? '' : ' (no visible focus)');
            }"""
                )
            ).strip()
        )
    order = ["Connect", "Disconnect", "Mute", "Conversation", "Message", "Send", "Memory", "Copy"]
    positions = [reached.index(name) for name in order if name in reached]
    assert len(positions) == len(order), f"{order} not all in {reached}"
    assert positions == sorted(positions), f"{reached}"
    assert not [name for name in reached if "no visible focus" in name]

    page.page.get_by_role("textbox", name="Message").focus()
    keyboard.type("typed before anybody is there")
    keyboard.press("Enter")
    expect(page.conversation).to_contain_text("waits for the agent")
    page.stage("system").focus()
    keyboard.press("End")
    keyboard.press("Enter")
    expect(page.page.get_by_role("tabpanel", name="Stage")).to_contain_text("play")
    page.button("Disconnect").focus()
    keyboard.press("Enter")
    expect(page.status).to_have_text("Disconnected. Choose an agent and press Connect.")


# The other theme is in the next test; each pair of colors in parts/web/contrast.test.js.
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_it_can_be_read_and_used_by_everybody(
    chromium: Browser, lonely: str, system: System, scheme: str
) -> None:
    with debug_page(chromium, lonely, microphone=False, color_scheme=scheme) as page:
        page.open()
        page.assert_accessible()
        page.button("New…").click()
        page.assert_accessible()
        page.button("Cancel").click()
        page.connect()
        expect(page.status).to_contain_text("Nobody took the dispatch")
        page.assert_accessible()
        with replayed_agent(system, page.room, "two_turns", page.url):
            expect(page.conversation.locator("time-bar:visible")).to_have_count(2)
            page.conversation.get_by_text("memory_insert").click()
            page.conversation.locator("time-bar button").first.click()
            page.assert_accessible()


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.long)])
def test_a_narrow_window_does_not_scroll_sideways(
    chromium: Browser, lonely: str, system: System, scheme: str
) -> None:
    with debug_page(
        chromium, lonely, width=390, height=844, color_scheme=scheme, reduced_motion="reduce"
    ) as page:
        page.open()
        assert page.width_to_spare() >= 0
        page.connect()
        with replayed_agent(system, page.room, "two_turns", page.url):
            expect(page.conversation.locator("time-bar:visible")).to_have_count(2)
            assert page.width_to_spare() >= 0
            page.assert_accessible()
        for part in (page.agents, page.button("Connect"), page.conversation, page.console):
            part.scroll_into_view_if_needed()
            expect(part).to_be_in_viewport()
        ground = page.page.evaluate(
            "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert (sum(ground) / 3 > 128) == (scheme == "light")
        page.assert_no_complaints()


async def renamed(system: System, agent_id: str, name: str) -> None:
    """By its own programs an agent may be called anything."""
    async with system.letta() as backend:
        assert isinstance(backend, AppServer)
        await backend._ask("agent_update", agent_id=agent_id, body={"name": name})


def test_data_is_text_and_never_markup(page: DebugPage, system: System) -> None:
    chosen = new_agent(system, "harmless", human=NASTY)
    beside(renamed(system, chosen, NASTY))
    page.open()
    page.agents.select_option(chosen)
    expect(page.agents.locator("option:checked")).to_have_text(NASTY)
    expect(page.page.get_by_role("tabpanel", name="Memory")).to_contain_text(NASTY)
    page.connect()
    turn = {
        "turn": 1,
        "user": NASTY,
        "reply": NASTY,
        "heard": NASTY,
        "interrupted": False,
        "ms": {},
    }
    history = [
        {"state": NASTY},
        {"event": ["join", "conversation", {"conversation_id": NASTY, "agent_name": NASTY}]},
        {"caller": NASTY, "id": "C1", "final": True},
        {"event": ["think", "request", {"turn": 1, "text": NASTY}]},
        {"event": ["think", "reasoning", {"text": NASTY}]},
        {"event": ["think", "tool_call", {"id": "1", "name": NASTY, "arguments": NASTY}]},
        {"agent": NASTY, "id": "R1"},
        {"event": ["play", "turn", turn]},
        {"event": ["think", "error", {"code": NASTY, "message": NASTY, "next_step": NASTY}]},
    ]
    with replayed_agent(system, page.room, history, page.url):
        expect(page.conversation.locator("[data-who=note]")).to_contain_text(NASTY)
        expect(page.conversation).to_contain_text(NASTY)
        page.page.get_by_role("tab", name="Turn").click()
    assert page.page.evaluate("window.hacked") is None
    assert page.page.locator("main img, #console img").count() == 0


def test_two_tabs_in_two_rooms(chromium: Browser, lonely: str, system: System) -> None:
    with debug_page(chromium, lonely) as one, debug_page(chromium, lonely) as other:
        for page in (one, other):
            page.open()
            page.connect()
        assert one.room != other.room
        said = [{"state": "listening"}, {"agent": "Only for one.", "id": "R1"}]
        with replayed_agent(system, one.room, said, one.url):
            expect(one.conversation).to_contain_text("Only for one.")
            expect(other.status).to_contain_text(re.compile("Waiting|Nobody took"))
            assert "Only for one." not in other.conversation.inner_text()


def test_a_double_click_makes_one_call_and_a_change_of_mind_none(page: DebugPage) -> None:
    page.button("Connect").dblclick()
    expect(page.status).to_have_text(WAITING)
    assert len([line for line in page.lines() if "Connecting to room" in line]) == 1
    page.button("Disconnect").click()
    expect(page.button("Connect")).to_be_enabled()
    page.button("Clear").click()
    page.button("Connect").click()
    page.button("Disconnect").click()
    expect(page.status).to_have_text("Disconnected. Choose an agent and press Connect.")
    page.connect()
    assert "Microphone enabled" not in "".join(
        page.lines()[: page.lines().index("🔌 Disconnected")]
    )


def test_a_closed_tab_leaves_the_room(chromium: Browser, lonely: str) -> None:
    def callers(room: str) -> int:
        answer = httpx.get(f"{lonely}/api/dispatch-agent/{room}").raise_for_status()
        return int(answer.json()["callers"])

    with debug_page(chromium, lonely) as page:
        page.open()
        page.connect()
        room = page.room
        assert callers(room) == 1
        page.page.close()
        with httpx.Client() as client:
            for _ in range(50):  # each question takes the SFU some milliseconds
                if client.get(f"{lonely}/api/dispatch-agent/{room}").json()["callers"] == 0:
                    return
        pytest.fail("the caller was still in the room after its tab was closed")


def test_a_new_agent_is_made_and_chosen(page: DebugPage) -> None:
    page.button("New…").click()
    dialog = page.page.get_by_role("dialog", name="New agent")
    dialog.get_by_label("Name").fill("made on the page")
    dialog.get_by_label("Human").fill("Likes short answers.")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_be_hidden()
    expect(page.agents.locator("option:checked")).to_have_text("made on the page")
    memory = page.page.get_by_role("tabpanel", name="Memory")
    expect(memory).to_contain_text("Likes short answers.")


def test_a_memory_block_is_edited(page: DebugPage, system: System) -> None:
    agent = new_agent(system, f"edited {secrets.token_hex(2)}", human="Likes tea.")
    page.page.reload()
    page.agents.select_option(agent)
    memory = page.page.get_by_role("tabpanel", name="Memory")
    expect(memory).to_contain_text("Likes tea.")
    memory.get_by_title("Edit human").click()
    dialog = page.page.get_by_role("dialog", name="Memory block human")
    expect(dialog.get_by_role("textbox")).to_have_value("Likes tea.")
    dialog.get_by_role("textbox").fill("Likes coffee.")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).not_to_be_visible()
    expect(memory.locator("ins")).to_contain_text("coffee")
    told = httpx.get(f"{system.proxy_url}/api/agents/{agent}/memory", timeout=10).json()
    assert {b["label"]: b["value"] for b in told["blocks"]}["human"] == "Likes coffee."


def test_a_model_that_letta_no_longer_has_is_refused_in_words(
    chromium: Browser, system: System
) -> None:
    now, gone = "openai-compatible/rehearsal", "openai-compatible/ollama/gone"
    models = [{"handle": now, "is_script": True}, {"handle": gone, "is_script": False}]
    with debug_page(chromium, system.proxy_url) as page:
        page.page.route(
            "**/api/models", lambda route: route.fulfill(json={"success": True, "models": models})
        )
        page.open()
        model = page.page.get_by_label("thinks with")
        expect(model).to_have_value(now)
        model.select_option(gone)
        hint = page.page.locator("agent-picker .hint")
        expect(hint).to_contain_text(f"Letta has no model '{gone}'; it offers: {now}")
        expect(model).to_have_value(now)
        page.button("New…").click()
        offered = page.page.get_by_role("dialog", name="New agent").locator("datalist option")
        expect(offered).to_have_count(2)


def test_the_list_of_a_letta_that_has_just_started_fills_by_itself(
    chromium: Browser, lonely: str
) -> None:
    with debug_page(chromium, lonely) as page:
        empty: list[Route] = []

        def answer(route: Route) -> None:
            if len(empty) < 2:
                empty.append(route)
                route.fulfill(json={"success": True, "agents": []})
            else:
                route.continue_()

        page.page.route("**/api/agents", answer)
        page.page.goto(f"{lonely}/debug")
        expect(page.status).to_contain_text("Letta has no agent yet.")
        expect(page.agents).to_be_enabled()
        expect(page.status).to_have_text("Choose an agent and press Connect.")
        asked: list[str] = []
        page.page.on("request", lambda each: asked.append(each.url.removeprefix(lonely)))
        for _ in range(2):
            page.page.wait_for_event("response", lambda each: each.url == f"{lonely}/health")
        assert "/api/agents" not in asked


def test_a_proxy_that_is_gone_is_said_in_words(chromium: Browser, system: System) -> None:
    proxy = ExitStack()
    with proxy, debug_page(chromium, proxy.enter_context(proxy_without_worker(system))) as page:
        page.open()
        proxy.close()
        expect(page.status).to_contain_text("does not answer")
        expect(page.status).to_contain_text("./restart_voice_system.sh proxy")
        expect(page.stage("system")).to_have_accessible_name("system failing")
        page.button("Connect").click()
        expect(page.stage("token")).to_have_accessible_name("token not reached")
        expect(page.button("Connect")).to_be_enabled()
        page.assert_no_complaints("ERR_CONNECTION_REFUSED")


def test_a_call_goes_on_while_the_proxy_is_gone(chromium: Browser, system: System) -> None:
    proxy = ExitStack()
    with proxy, debug_page(chromium, proxy.enter_context(proxy_without_worker(system))) as page:
        page.open()
        page.connect()
        history = [{"state": "listening"}, {"agent": "Still here.", "id": "R1"}]
        with replayed_agent(system, page.room, history[:1], page.url):
            expect(page.status).to_have_text(READY)
        proxy.close()
        expect(page.status).to_contain_text("does not answer", timeout=10_000)
        expect(page.status).to_contain_text("./restart_voice_system.sh proxy")
        expect(page.stage("system")).to_have_accessible_name("system failing")
        expect(page.stage("media")).to_have_accessible_name(re.compile("^media ok"))
        expect(page.stage("think")).to_have_accessible_name("think not seen yet")
        with replayed_agent(system, page.room, history, page.url):
            expect(page.conversation).to_contain_text("Still here.")
        page.assert_no_complaints("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")


def test_an_agent_is_asked_for_in_a_call_of_somebody_who_did_not(
    chromium: Browser, system: System
) -> None:
    with (
        Call(system, asks=False) as call,
        debug_page(chromium, system.proxy_url) as page,
    ):
        wait_for("it is named", lambda: call.ask()["failing"] == "dispatch", 10.0)
        page.open()
        page.page.get_by_role("tab", name="Calls").click()
        listed = page.page.get_by_role("tabpanel", name="Calls").get_by_role("listitem")
        listed.filter(has_text=call.room).get_by_role("button").click()
        page.stage("dispatch").click()
        step = page.page.get_by_role("tabpanel", name="Stage")
        expect(step).to_contain_text(f"lk dispatch create --room {call.room}")
        page.button("Ask for the agent").click()
        call.listening()
