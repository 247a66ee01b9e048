"""The bug bundle: secrets are planted everywhere, and none is in the zip in any encoding."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from livekit import api

from common import known_secrets
from common.events import Event
from proxy.bundle.archive import Archive
from proxy.bundle.calls import last_calls
from proxy.bundle.logs import end_of
from proxy.bundle.words import Words
from proxy.settings import ProxySettings
from proxy.timeline.store.database import database_url_of, open_store

OPENAI = "sk-proj-Planted0123456789abcdefghij"
LETTA = "letta/planted+key=with?odd&signs#7"
SHELL = "plantedInTheShellOnly_9183"
OLD = "plantedInACommentOfDotenv-4411"
DATABASE = "planted p@ss/word"
KEY, SECRET = "APIplanted0123456", "plantedSecretOfLiveKit0123456789abcdefgh"
HEADER = "nobodyKnowsThisTokenOfAHeader"
SPOKEN = "my bank account is one two three four five"
REPLY = "I have written down that your bank account is one two three four five."
KNOWN = (OPENAI, LETTA, SHELL, OLD, DATABASE, SECRET, KEY)
SECRETS = (*KNOWN, HEADER)
"""The last one can be told by its place only."""


def token() -> str:
    return api.AccessToken(KEY, SECRET).with_identity("planted").to_jwt()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def planted_log() -> bytes:
    lines = [
        f"Authorization: Bearer {HEADER}",
        f"GET /rtc?access_token={token()}&auto_subscribe=1",
        f"connecting to postgresql://voice:{quote(DATABASE, safe='')}@db/calls",
        f"headers {{'x-api-key': '{HEADER}'}}",
        f"environment {b64('OPENAI_API_KEY=' + OPENAI)}",
        f"doubly {b64(b64('u:' + LETTA))} and {LETTA.encode().hex()} and {quote(LETTA)}",
        json.dumps({"secret": SECRET, "nested": json.dumps({"key": LETTA})}),
        f"{SHELL[:18]} … [12 bytes cut]",
        f"\x1b[31mERROR\x1b[0m {OLD} refused",
        f'14:00:00 DEBUG agent.events: transcribe transcript {{"text": "{SPOKEN}"}}',
        f"received user transcript: {SPOKEN.capitalize()}.",
        f"synthesising {REPLY[:40]}",
        "an ordinary line that tells something",
    ]
    return "\n".join(lines).encode() + b"\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state folder in which secrets lie about."""
    made = tmp_path / "home"
    (made / "logs").mkdir(parents=True)
    (made / "run").mkdir()
    (made / "livekit.key").write_text(f"{KEY}: {SECRET}\n")
    (made / "livekit.yaml").write_text(json.dumps({"keys": {KEY: SECRET}}))
    logs = made / "logs"
    (logs / "agent.log").write_bytes(planted_log())
    (logs / "utf16.log").write_bytes(planted_log().decode().encode("utf-16"))
    (logs / "binary.log").write_bytes(bytes(range(256)) * 50 + b"\xff\xfe" + planted_log() + b"\0")
    (logs / "huge.log").write_bytes(b"x" * 2_000_000 + b"\n" + planted_log() * 2000)
    (logs / "one-line.log").write_bytes((SECRET + " ").encode() * 50_000)
    (logs / "empty.log").write_bytes(b"")
    (made / "run" / "agent.json").write_text(json.dumps({"name": "agent", "log": [SECRET]}))
    (made / "run" / "proxy.json").write_bytes(b"\x80 damaged {")
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY={OPENAI}\nLETTA_API_KEY='{LETTA}'\n# PASSWORD={OLD}\nbroken line\n"
    )
    return made


ENVIRON = {
    "MY_TOKEN": SHELL,
    "DATABASE_URL": f"postgresql://voice:{quote(DATABASE, safe='')}@db/calls",
    "LETTA_API_KEY": LETTA,
}


def events() -> list[dict[str, Any]]:
    told = [
        ("transcribe", "transcript", {"text": SPOKEN, "final": True}),
        ("think", "request", {"turn": 1, "text": SPOKEN}),
        ("think", "tool_call", {"name": "memory_insert", "arguments": {"new_str": REPLY}}),
        ("play", "turn", {"turn": 1, "heard": REPLY, "reply": REPLY, "ms": {"total": 812}}),
        ("think", "error", {"message": f"401 for {OPENAI}", "kind": "rejected"}),
        ("signal", "connecting", {"url": f"ws://host/rtc?access_token={token()}"}),
        ("job", "job", {"metadata": json.dumps({"agent_id": "agent-1", "key": LETTA})}),
        ("job", "error", {"traceback": f"raise Error({SECRET!r})", "message": "Broken pipe here"}),
    ]
    return [
        Event(1000.0 + at, "room a/b", "agent", stage, name, data, f"k{at}", at).as_json()  # type: ignore[arg-type]
        for at, (stage, name, data) in enumerate(told, 1)
    ]


def bundle(home: Path, *, transcripts: bool = False) -> dict[str, str]:
    """The files of a bundle, as somebody who unpacks it reads them."""
    redactor = known_secrets.redactor(ENVIRON, home.parent / ".env", home)
    archive = Archive(redactor, transcripts=transcripts)
    verdict = {"stage": "think", "sentence": f"Letta said: {SPOKEN}", "next": f"use {LETTA}"}
    call = {"call": {"room": f"room of {SECRET}"}, "events": events(), "verdicts": [verdict]}
    archive.add_calls([call])
    archive.add_json("settings.json", {"LETTA_API_KEY": LETTA, **ENVIRON})
    archive.add_text("doctor.txt", f"all of it: {' '.join(KNOWN)} {token()}")
    archive.add_home(home / "logs", home / "run")
    with zipfile.ZipFile(io.BytesIO(archive.bytes("a test", f"failing with {OPENAI}"))) as file:
        assert file.testzip() is None
        return {name: file.read(name).decode() for name in file.namelist()}


def found_in(files: Mapping[str, str], secret: str) -> list[str]:
    """Where `secret` can be read, in any of the encodings in which it was planted."""
    ways = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        secret.encode().hex(),
        *(b64("x" * offset + secret)[offset + 2 : -6] for offset in range(3)),
        *(b64("x" * offset + b64("u:" + secret))[offset + 2 : -6] for offset in range(3)),
    }
    return [
        f"{name}: {way}"
        for name, text in files.items()
        for way in ways
        if way and way.lower() in (text + name).lower()
    ]


@pytest.mark.parametrize("secret", [*SECRETS, "eyJ", SHELL[:16], OPENAI[-16:]])
def test_no_planted_secret_is_in_the_zip(
    home: Path, secret: str, cached: dict[bool, dict[str, str]]
) -> None:
    assert found_in(files_of(home, cached, transcripts=True), secret) == []
    assert found_in(files_of(home, cached, transcripts=False), secret) == []


def files_of(
    home: Path, cached: dict[bool, dict[str, str]], *, transcripts: bool
) -> dict[str, str]:
    if transcripts not in cached:
        cached[transcripts] = bundle(home, transcripts=transcripts)
    return cached[transcripts]


@pytest.fixture(scope="module")
def cached() -> dict[bool, dict[str, str]]:
    """Bundles that were made already: looking through huge logs takes a while."""
    return {}


@pytest.mark.parametrize("words", [SPOKEN, "bank account", REPLY[:30], "one two three"])
def test_what_was_said_is_there_only_when_asked_for(
    home: Path, words: str, cached: dict[bool, dict[str, str]]
) -> None:
    assert found_in(files_of(home, cached, transcripts=False), words) == []
    assert found_in(files_of(home, cached, transcripts=True), words)


def test_short_words_are_left_out_of_events_logs_and_evidence() -> None:
    words = Words()
    event = {"stage": "think", "name": "tool_call", "data": {"arguments": {"to": "Bob"}}}

    assert "Bob" not in str(words.event(event))
    assert "Yes" not in str(words.event({"stage": "play", "data": {"user": "Yes"}}))
    assert "Yes" not in words.text('DEBUG agent.events: play turn {"user": "Yes", "ms": 3}')
    assert "Yes" not in words.text("agent 16:04:22 speak.request: turn 2, text Yes, of course")
    assert words.text("token.issued: identity caller-1") == "token.issued: identity caller-1"
    kept = {"stage": "think", "data": {"message": "no route to host", "turn": 1, "ms": 2.5}}
    assert words.event(kept) == kept


def test_what_helps_to_find_a_fault_stays(home: Path, cached: dict[bool, dict[str, str]]) -> None:
    files = files_of(home, cached, transcripts=False)
    text = "\n".join(files.values())

    for kept in (
        "an ordinary line that tells something",
        "auto_subscribe=1",
        "Broken pipe here",
        '"kind": "rejected"',
        '"total": 812',
        "memory_insert",
        "## Expected",
    ):
        assert kept in text, kept
    for name, content in files.items():
        if name.endswith(".json"):
            json.loads(content)


def test_huge_damaged_and_empty_logs_are_bounded_and_do_not_hinder(
    home: Path, cached: dict[bool, dict[str, str]]
) -> None:
    files = files_of(home, cached, transcripts=False)

    assert max(map(len, files.values())) < 400_000
    assert "these are its last lines" in files["voice-report/logs/huge.log"]
    assert "unreadable" in files["voice-report/processes/proxy.json"]
    assert "ordinary line" in files["voice-report/logs/binary.log"]


def test_the_end_of_a_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {number} of the log\n" for number in range(1000)))

    text = end_of(path, lines=500, limit=100)

    assert text.splitlines()[1:] == [f"line {number} of the log" for number in range(996, 1000)]
    assert "cannot be read" in end_of(tmp_path / "none.log")


def test_a_home_that_is_not_there_makes_a_bundle_all_the_same(tmp_path: Path) -> None:
    files = bundle(tmp_path / "none")

    assert "voice-report/REPORT.md" in files
    assert found_in(files, OPENAI) == []


async def test_the_last_calls_are_read_while_no_proxy_runs(tmp_path: Path) -> None:
    settings = ProxySettings(calls_database=tmp_path / "calls.db")
    assert (await last_calls(settings))[0] == []
    assert not (tmp_path / "calls.db").exists()

    store = await open_store(database_url_of(settings))
    row = {
        "id": "one",
        "room": "r",
        "started": 1.0,
        "ended": 2.0,
        "agent_id": None,
        "turns": 0,
        "events": 1,
        "failing": None,
        "cause": None,
        "worst": None,
        "verdicts": [{"stage": "system"}],
    }
    event = Event(1.5, "r", "agent", "think", "request", {"text": "hello"}, "k", 7)
    await store.write([row], [("one", event)])
    await store.aclose()

    calls, trouble = await last_calls(settings)

    assert trouble == ""
    assert calls[0]["call"]["id"] == "one"
    assert calls[0]["verdicts"] == [{"stage": "system"}]
    assert calls[0]["events"] == [event.as_json()]


async def test_a_damaged_database_is_told_and_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_bytes(b"this is no database" * 500)

    calls, trouble = await last_calls(ProxySettings(calls_database=tmp_path / "calls.db"))

    assert calls == []
    assert "calls.db" in trouble
