"""`GET /api/bundle`: what the button on the page downloads."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest

from tests.fast.proxy.conftest import KEY, LETTA_KEY, SECRET, Asked, Proxy, StartProxy

WORDS = "my bank account is one two three four"


@pytest.fixture
async def proxy(start_proxy: StartProxy) -> Proxy:
    """One that has a call in its timeline, in which something was typed."""
    made = await start_proxy(letta_api_key=LETTA_KEY)
    token = (await made.post("/api/token", {"room": "a room"})).json["token"]
    event = {
        "at": time.time(),
        "stage": "hear",
        "name": "typed",
        "data": {"text": WORDS, "note": f"{SECRET} {LETTA_KEY} {token}"},
        "key": "one",
    }
    posted = await made.post(
        "/api/rooms/a%20room/events",
        {"events": [event]},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert posted.status == 200, posted.body
    return made


def unpacked(answer: Asked) -> dict[str, str]:
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/zip"
    assert "attachment" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as file:
        return {name.partition("/")[2]: file.read(name).decode() for name in file.namelist()}


async def test_it_holds_what_helps_and_neither_secrets_nor_words(proxy: Proxy) -> None:
    files = unpacked(await proxy.get("/api/bundle"))

    assert {"REPORT.md", "health.json", "settings.json", "versions.json"} <= files.keys()
    call = json.loads(files["calls/1-a-room.json"])
    assert {"issued", "typed"} <= {event["name"] for event in call["events"]}
    assert len(call["verdicts"]) == 12
    text = "".join(files.values())
    for planted in (SECRET, KEY, LETTA_KEY, "eyJ", WORDS, WORDS[:12]):
        assert planted not in text


async def test_words_are_in_it_when_they_are_asked_for_but_never_secrets(proxy: Proxy) -> None:
    text = "".join(unpacked(await proxy.get("/api/bundle?transcripts=1")).values())

    assert WORDS in text
    for planted in (SECRET, KEY, LETTA_KEY, "eyJ"):
        assert planted not in text


async def test_the_file_of_a_call_has_its_words_but_no_secret_unless_asked(proxy: Proxy) -> None:
    (call,) = (await proxy.get("/api/calls")).json["calls"]
    export = await proxy.get(f"/api/calls/{call['id']}?format=json")
    raw = await proxy.get(f"/api/calls/{call['id']}?format=json&redact=0")

    text = export.body.decode()
    assert WORDS in text
    for planted in (SECRET, KEY, LETTA_KEY, "eyJ"):
        assert planted not in text
    assert SECRET in raw.body.decode()
    for found, whole in zip(export.json["events"], raw.json["events"], strict=True):
        assert (found["key"], found["name"], found["at"]) == (
            whole["key"],
            whole["name"],
            whole["at"],
        )
    refused = await proxy.get(f"/api/calls/{call['id']}?format=json&redact=perhaps")
    assert (refused.status, refused.json["error"]) == (400, "INVALID_REQUEST")


async def test_anything_else_that_is_asked_of_it_is_refused(proxy: Proxy) -> None:
    refused = await proxy.get("/api/bundle?transcripts=maybe")

    assert refused.status == 400
    assert refused.json["error"] == "INVALID_REQUEST"
