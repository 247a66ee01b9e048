"""The page and the timeline: what it posts, the verdicts it shows, the past calls it opens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, expect

from tests.running_system import System
from tests.system.page.debug_page import HISTORIES, DebugPage, debug_page, replayed_agent
from tests.system.page.scripted_timeline import ScriptedTimeline, scripted_timeline, verdicts

DEADLINE_S = 20.0
NOT_SERVED = ("503 (Service Unavailable)", "ERR_INCOMPLETE_CHUNKED_ENCODING")
NO_WORKER: dict[str, Any] = {
    "state": "failing",
    "cause": "no-worker-registered",
    "sentence": "No worker is registered as “nobody”.",
    "next": "In a terminal: ./restart_voice_system.sh agent; then press Connect.",
    "evidence": [
        {"text": "worker registered: false", "source": "probe of worker", "at": 1.5, "seq": None}
    ],
}
NARROW_AND_WIDE = pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])


@pytest.fixture
def timeline(lonely: str) -> Iterator[ScriptedTimeline]:
    with scripted_timeline(lonely) as scripted:
        yield scripted


@pytest.fixture
def told(chromium: Browser, timeline: ScriptedTimeline) -> Iterator[DebugPage]:
    """The page of a proxy whose timeline says what the test tells it to say."""
    with debug_page(chromium, timeline.url) as opened:
        opened.open()
        yield opened
        opened.assert_no_complaints(*NOT_SERVED)


def eventually(page: DebugPage, true: Callable[[], object], what: str) -> None:
    """Return once `true()`; the browser goes on meanwhile."""
    until = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < until, f"not within {DEADLINE_S} s: {what}"
        page.page.wait_for_timeout(50)


def test_what_happens_on_the_page_is_posted_once(
    told: DebugPage, timeline: ScriptedTimeline
) -> None:
    told.connect()
    eventually(told, lambda: "media.stats" in timeline.topics(), "figures of the sound")
    topics = timeline.topics()
    for topic in (
        "token.requested",
        "token.received",
        "token.page",
        "signal.connected",
        "media.connected",
        "media.ice",
        "media.candidate_pair",
        "dispatch.requested",
        "hear.track_published",
        "hear.microphone_on",
    ):
        assert topics.count(topic) >= 1, f"{topic} not in {topics}"
    assert len({each["key"] for each in timeline.posted}) == len(topics)
    (proof,) = timeline.proofs
    assert re.fullmatch(r"Bearer eyJ[\w.-]+", proof)
    pair = next(each["data"] for each in timeline.posted if each["name"] == "candidate_pair")
    assert pair["protocol"] in ("udp", "tcp")
    assert re.search(r":\d+$", pair["local"])
    eventually(
        told,
        lambda: any(each["data"].get("level_in", 0) > 0.05 for each in timeline.posted),
        "the level of the microphone",
    )
    told.button("Mute").click()
    eventually(told, lambda: "hear.muted" in timeline.topics(), "that it is muted")
    muted = next(each["data"] for each in timeline.posted if each["name"] == "muted")
    assert muted == {"muted": True, "by": "caller"}


def test_what_could_not_be_stored_is_posted_again(
    told: DebugPage, timeline: ScriptedTimeline
) -> None:
    timeline.refuse_with = 503
    told.connect()
    told.button("Disconnect").click()
    expect(told.button("Connect")).to_be_enabled()
    assert timeline.posted == []
    timeline.refuse_with = None
    eventually(told, lambda: "media.disconnected" in timeline.topics(), "the end of the call")
    assert timeline.topics()[:2] == ["token.requested", "token.received"]


def test_a_page_that_is_left_says_so(chromium: Browser, timeline: ScriptedTimeline) -> None:
    with debug_page(chromium, timeline.url) as page:
        page.open()
        page.connect()
        page.page.goto("about:blank")
        eventually(page, lambda: "media.disconnected" in timeline.topics(), "that it was left")
    ends = [each["data"] for each in timeline.posted if each["name"] == "disconnected"]
    assert [each["intended"] for each in ends] == [True]


def test_a_token_for_another_room_is_not_used(told: DebugPage, timeline: ScriptedTimeline) -> None:
    timeline.token_room = "elsewhere"
    wanted = told.room
    told.button("Connect").click()
    expect(told.status).to_contain_text(f"is for the room “elsewhere”, but “{wanted}”")
    expect(told.stage("token")).to_have_accessible_name("token failing")
    assert not any("Connecting to room" in line for line in told.lines())
    eventually(told, lambda: "token.room_mismatch" in timeline.topics(), "the mismatch")


def test_the_proxys_verdict_is_shown_with_its_evidence_and_next_step(
    told: DebugPage, timeline: ScriptedTimeline
) -> None:
    strip = told.page.get_by_role("region", name="Stages")
    expect(strip).to_contain_text("judged by the proxy")  # of the system, before any call
    told.connect()
    timeline.judge(verdicts(dispatch=NO_WORKER, job={"state": "not reached", "ms": None}))
    expect(told.stage("dispatch")).to_have_accessible_name("dispatch failing")
    expect(told.stage("signal")).to_have_accessible_name("signal ok 12 ms")
    expect(told.status).to_contain_text("No worker is registered as “nobody”.")
    details = told.page.get_by_role("tabpanel", name="Stage")
    expect(details).to_contain_text("no-worker-registered")
    expect(details).to_contain_text("worker registered: false")
    expect(details.get_by_role("button", name="Connect again")).to_be_visible()
    told.assert_accessible()
    details.get_by_role("button", name="Copy ./restart_voice_system.sh agent").click()
    expect(details).to_contain_text("Copied")
    copied = told.page.evaluate("navigator.clipboard.readText()")
    assert copied == "./restart_voice_system.sh agent"

    said = strip.locator("[aria-live=polite]")
    expect(said).to_have_text(re.compile("^dispatch fails: No worker is registered"))
    timeline.judge(verdicts(dispatch={"state": "waiting"}))
    expect(told.stage("dispatch")).to_have_accessible_name(re.compile("^dispatch waiting"))
    expect(said).to_have_text(re.compile("^dispatch fails"))  # tried again is not yet well
    timeline.judge(verdicts())
    expect(said).to_have_text("dispatch works again.")


def test_a_stage_that_waits_shows_how_long_and_how_long_is_usual(
    told: DebugPage, timeline: ScriptedTimeline
) -> None:
    told.connect()
    since = time.time() - 61
    sentence = "Letta has not begun to answer."
    timeline.judge(
        verdicts(think={"state": "waiting", "sentence": sentence, "since": since, "usual_ms": 400})
    )
    expect(told.stage("think")).to_have_accessible_name(re.compile(r"^think waiting 6[1-9] s$"))
    strip = told.page.get_by_role("region", name="Stages")
    expect(strip).to_contain_text(re.compile(r"think waits for 6\d s, usually 400 ms: Letta has"))
    first = told.stage("think").inner_text()
    expect(told.stage("think")).not_to_have_text(first, use_inner_text=True)
    told.stage("think").click()
    details = told.page.get_by_role("tabpanel", name="Stage")
    expect(details).to_contain_text(re.compile(r"for \d+ s, usually 400 ms"))
    told.assert_accessible()


def test_the_proxys_word_stays_while_its_stream_is_away(
    told: DebugPage, timeline: ScriptedTimeline
) -> None:
    strip = told.page.get_by_role("region", name="Stages")
    told.connect()
    timeline.judge(verdicts(think={"state": "failing", "sentence": "Letta is gone."}))
    expect(told.stage("think")).to_have_accessible_name("think failing")
    timeline.happen(
        room=told.room, stage="dispatch", name="waiting_for_worker", data={"message": "Patience."}
    )
    expect(told.console).to_contain_text("⏳ Patience.")
    eventually(told, lambda: timeline.streams == 1, "the stream")
    timeline.cut_streams()
    # It comes back by itself, from where it was.
    eventually(told, lambda: timeline.resumed_after[-1:] == ["1"], "the stream again")
    expect(strip).to_contain_text("judged by the proxy")
    expect(told.stage("think")).to_have_accessible_name("think failing")

    # While no stream can be had, the page asks for the verdicts every few seconds.
    timeline.refuse_streams = True
    timeline.cut_streams()
    timeline.judge(verdicts(speak={"state": "failing", "sentence": "No voice."}))
    expect(told.stage("speak")).to_have_accessible_name("speak failing")
    expect(strip).to_contain_text("judged by the proxy")
    timeline.refuse_streams = False
    eventually(told, lambda: timeline.streams == 1, "a stream at last")
    timeline.judge(verdicts())
    expect(told.stage("speak")).to_have_accessible_name("speak ok 12 ms")


def test_a_verdict_that_a_click_mends_has_the_click(
    told: DebugPage, timeline: ScriptedTimeline
) -> None:
    told.connect()
    expect(told.console).to_contain_text("Microphone enabled successfully!")
    told.button("Mute").click()
    timeline.judge(
        verdicts(
            hear={
                "state": "waiting",
                "cause": "microphone-muted",
                "sentence": "The caller has muted the microphone.",
                "next": "Press Unmute.",
            }
        )
    )
    told.stage("hear").focus()
    told.page.keyboard.press("Enter")
    told.button("Unmute").click()
    expect(told.button("Mute")).to_have_attribute("aria-pressed", "false")
    expect(told.console).to_contain_text("Microphone unmuted")


def kept(
    timeline: ScriptedTimeline, call: str, room: str, failing: str = "", met: str = ""
) -> None:
    """A call of two turns that the proxy has kept."""
    at = started = 1_795_000_000.0
    events: list[dict[str, Any]] = []
    opening = [
        ("browser", "token", "requested", {"agent_id": "a", "agent_name": "first"}),
        ("browser", "signal", "connecting", {"room": room, "url": "ws://localhost:7880"}),
        ("browser", "media", "connected", {"ms": 45}),
        ("proxy", "dispatch", "waiting_for_worker", {"message": "Nobody is registered."}),
    ]
    said = []
    for step in json.loads((HISTORIES / "two_turns.json").read_text()):
        match step:
            case {"event": [stage, name, data]}:
                said.append(("agent", stage, name, data))
            case {"caller": text, "id": segment, "final": True}:
                data = {"id": segment, "text": text, "final": True}
                said.append(("browser", "transcribe", "segment", data))
            case {"agent": text, "id": segment}:
                spoken = " ".join(text.split()[: step.get("until")])
                data = {"id": segment, "text": spoken, "final": True}
                said.append(("browser", "speak", "segment", data))
    for source, stage, name, data in [*opening, *said]:
        at += 0.5
        where = {"room": room, "source": source, "stage": stage, "name": name}
        events.append({"seq": len(events), "at": at, **where, "data": data, "key": f"k{at}"})
    answer = verdicts(call, **({failing: NO_WORKER} if failing else {}))
    timeline.calls[call] = {
        "call": {
            "id": call,
            "room": room,
            "started": started,
            "ended": started + 125,
            "agent_id": "a",
            "turns": 2,
            "events": len(events),
            "failing": failing or None,
            "cause": NO_WORKER["cause"] if failing else None,
            "worst": {"stage": met, "cause": "x", "sentence": "X.", "at": at} if met else None,
        },
        "events": events,
        "transcript": [],
        "verdicts": answer["verdicts"],
    }


@NARROW_AND_WIDE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_past_call_is_seen_as_it_was(
    chromium: Browser, timeline: ScriptedTimeline, width: int, height: int, scheme: str
) -> None:
    kept(timeline, "c1", "calm-otter-0001", met="hear")
    kept(timeline, "c2", "warm-lake-0002", failing="dispatch")
    with debug_page(
        chromium, timeline.url, width=width, height=height, color_scheme=scheme
    ) as page:
        page.open()
        page.page.get_by_role("tab", name="Calls").click()
        listed = page.page.get_by_role("tabpanel", name="Calls").get_by_role("listitem")
        expect(listed).to_have_count(2)
        expect(listed.nth(0)).to_contain_text("2 min 5 s, 2 turns")
        expect(listed.filter(has_text="warm-lake")).to_contain_text("dispatch")
        expect(listed.filter(has_text="calm-otter")).to_contain_text("ended well")
        expect(listed.filter(has_text="calm-otter")).to_contain_text("met on the way: hear: x")
        page.assert_accessible()
        listed.filter(has_text="warm-lake").get_by_role("button").click()

        expect(page.page.locator("past-call")).to_contain_text("warm-lake-0002")
        expect(page.conversation.locator("time-bar:visible")).to_have_count(2)
        expect(page.conversation).to_contain_text("favorite color is green")
        expect(page.stage("dispatch")).to_have_accessible_name("dispatch failing")
        expect(page.console).to_contain_text("Nobody is registered.")
        assert page.page.evaluate("location.hash") == "#call=c2"
        assert page.width_to_spare() >= 0
        page.assert_accessible()
        page.stage("dispatch").click()
        expect(page.page.get_by_role("tabpanel", name="Stage")).to_contain_text("No worker")
        page.assert_accessible()

        page.button("Back to now").click()
        expect(page.page.locator("past-call")).to_be_hidden()
        expect(page.conversation.locator("[data-who]")).to_have_count(0)
        expect(page.stage("dispatch")).to_have_accessible_name("dispatch not seen yet")
        page.assert_no_complaints(*NOT_SERVED)


def test_a_past_call_by_its_address_and_its_end(
    chromium: Browser, timeline: ScriptedTimeline
) -> None:
    kept(timeline, "c1", "calm-otter-0001")
    with debug_page(chromium, timeline.url) as page:
        page.open("#call=c1")
        expect(page.conversation).to_contain_text("favorite color is green")
        for name, kind in (("Export JSON", "json"), ("Export WebVTT", "vtt")):
            link = page.page.get_by_role("link", name=name)
            expect(link).to_have_attribute("href", f"/api/calls/c1?format={kind}")
        page.button("Delete…").click()
        asked = page.page.get_by_role("dialog", name="Delete this call?")
        page.assert_accessible()
        asked.get_by_role("button", name="Keep it").click()
        assert timeline.deleted == []
        page.button("Delete…").click()
        asked.get_by_role("button", name="Delete").click()
        expect(page.page.locator("past-call")).to_be_hidden()
        assert timeline.deleted == ["c1"]
        page.page.evaluate("location.hash = 'call=c9'")
        expect(page.page.get_by_role("tabpanel", name="Calls")).to_contain_text("no such call")
        page.assert_no_complaints("404 (Not Found)")


def test_a_bug_report_is_downloaded(page: DebugPage, tmp_path: Path) -> None:
    with page.page.expect_download() as started:
        page.page.get_by_role("link", name="Bug report").click()
    report = tmp_path / "report.zip"
    started.value.save_as(report)
    assert "health.json" in [Path(name).name for name in ZipFile(report).namelist()]


def test_a_call_that_begins_ends_the_looking_back(
    told: DebugPage, timeline: ScriptedTimeline, system: System
) -> None:
    kept(timeline, "c1", "calm-otter-0001")
    told.page.evaluate("location.hash = 'call=c1'")
    expect(told.conversation).to_contain_text("favorite color is green")
    told.connect()
    expect(told.page.locator("past-call")).to_be_hidden()
    expect(told.conversation.locator("[data-who]")).to_have_count(0)
    with replayed_agent(
        system, told.room, [{"state": "listening"}, {"agent": "Now.", "id": "C1"}], told.url
    ):
        expect(told.conversation).to_have_text(re.compile("Now."))
