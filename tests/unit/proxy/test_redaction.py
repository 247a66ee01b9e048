"""Secrets do not get through, however they are written; what is no secret does."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from common import known_secrets
from common.redaction import BLOT, Redactor

PLAIN = "q3J9sKx_8vLm-2NpTz5RwYc7HdFg4BnAe6Uo"
ODD = 'Zk7+pL/q9!x Wm#2&vTr$5uQ@8sEd%1"é\\'
REDACTOR = Redactor([PLAIN, ODD, "hunter2", "1"])


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in an address": lambda s: f"https://host/rtc?room=a&secret={quote_plus(s)}&x=1",
    "percent-encoded": quote,
    "percent-encoded, all of it": lambda s: "".join(f"%{byte:02x}" for byte in s.encode()),
    "in JSON": lambda s: json.dumps({"value": s}),
    "in JSON within JSON": lambda s: json.dumps({"value": s.replace('"', "'")}),
    "as Python shows it": lambda s: repr([s]),
    "in HTML": html.escape,
    "in base64": b64,
    "in base64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "in base64, one byte later": lambda s: b64("u" + s),
    "in base64, two bytes later": lambda s: b64("u:" + s + "!"),
    "in base64 of base64": lambda s: b64("x" + b64("user:" + s)),
    "in base64 of percent-encoding": lambda s: b64(quote(s, safe="")),
    "hexadecimal": lambda s: s.encode().hex(),
    "hexadecimal, large": lambda s: s.encode().hex().upper(),
    "in UTF-16": lambda s: s.encode("utf-16-le").decode("latin-1"),
    "with colours in it": lambda s: f"\x1b[31m{s[:6]}\x1b[0m{s[6:]}",
    "cut off at its end": lambda s: s[:24] + " … [100 bytes cut]",
    "cut off at its beginning": lambda s: "… " + s[-24:],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_known_secret_is_blotted_out_however_it_is_written(way: str) -> None:
    written = WAYS[way](PLAIN)

    shown = REDACTOR.text(f"before {written} after")

    assert BLOT in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert no_piece_of(PLAIN, shown)


@pytest.mark.parametrize("way", [way for way in WAYS if "UTF" not in way and "JSON w" not in way])
def test_so_is_one_with_odd_characters(way: str) -> None:
    shown = REDACTOR.text(f"before {WAYS[way](ODD)} after")

    assert BLOT in shown
    assert no_piece_of(ODD, shown)


def no_piece_of(secret: str, shown: str, length: int = 8) -> bool:
    """Whether nothing of `secret` that is worth knowing is left in `shown`."""
    texts = (secret, quote(secret), b64(secret).rstrip("="), secret.encode().hex())
    pieces = {text[at : at + length] for text in texts for at in range(len(text) - length)}
    return not any(piece.lower() in shown.lower() for piece in pieces)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
        ("headers {'x-api-key': 'made up one'}", "made up one"),
        ("Cookie: session=made-up; theme=dark", "made-up"),
        ("sent Bearer made-up-token-1", "made-up"),
        ("postgresql://voice:p@ss/word@db:5432/calls", "p@ss"),
        ("https://made-up-token@host/path", "made-up"),
        ("wss://host/rtc?access_token=made-up&auto_subscribe=1", "made-up"),
        ("GET /x?token=made-up", "made-up"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBUEkifQ.c2lnbmF0dXJl", "eyJ"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBUEkifQ", "eyJ"),
        (b64("and eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBUEkifQ.c2lnbmF0dXJl"), "ZXlK"),
        ("Incorrect API key provided: sk-proj-Ab12Cd34Ef56Gh78", "Ab12"),
        ("xoxb-123456789012-abcdefghij", "abcdefghij"),
        ("DEEPGRAM_API_KEY=made-up-value", "made-up"),
        ('"client_secret" : "made-up"', "made-up"),
        ("password: made-up", "made-up"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nTUlJRW93\nSUJBQUtD\n-----END RSA PRIVATE KEY-----",
            "TUl",
        ),
        ("the password hunter2 is short", "hunter2"),
    ],
)
def test_a_secret_is_known_by_its_form(text: str, secret: str) -> None:
    shown = REDACTOR.text(text)

    assert secret not in shown
    assert BLOT in shown


@pytest.mark.parametrize(
    "text",
    [
        "14:28:07.415 INFO agent.job: first_token: 212 ms, completion_tokens: 15",
        '{"jobID": "AJ_LjkVNXektaNH", "room": "demo-1", "workerID": "AW_wcZG27koxdGj"}',
        "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set",
        "File /usr/lib/python3/site-packages/livekit/agents/worker.py, line 12, in run",
        "port 8283 is held by pid 12 (python -m dev.letta)",
        "http://localhost:9000/debug?room=demo&autoplay=1",
        'the token expired; "token": null, key: value',
        "room 0f8fad5b-d9cb-469f-a165-70867728950e closed",
        "version 11 of 1 thing",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_of_json_the_texts_the_names_and_what_a_name_calls_secret_are_blotted_out() -> None:
    shown = REDACTOR.data(
        {"api_key": "x y", "list": [{PLAIN: 1}, f"a {PLAIN}"], "ms": 12.5, "none": None, "on": True}
    )

    assert shown == {
        "api_key": BLOT,
        "list": [{BLOT: 1}, f"a {BLOT}"],
        "ms": 12.5,
        "none": None,
        "on": True,
    }


def test_a_text_without_secrets_known_is_left_alone() -> None:
    assert Redactor().text("hello") == "hello"


def test_secrets_are_found_in_the_environment_the_dotenv_file_and_the_generated_key(
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_text(
        "OPENAI_API_KEY='made-up-openai'  # mine\nLETTA_API_KEY made-up-letta\n"
        "#OLD_PASSWORD=made-up-old\nexport DATABASE_URL=postgres://u:made%2Dup-db@h/d\n"
        "LIVEKIT_URL=ws://localhost:7880\n"
    )
    (tmp_path / "livekit.key").write_text("APIdev0a1b2c3d4e5f: made-up-secret-of-livekit\n")
    environ = {"SOME_TOKEN": "made-up-token", "SSH_AUTH_SOCK": "/tmp/agent", "DEPTH_KEY": "3"}

    redactor = known_secrets.redactor(environ, tmp_path / ".env", tmp_path)

    shown = redactor.text(
        "made-up-openai made-up-letta made-up-old made-up-db made%2Dup-db made-up-token "
        "APIdev0a1b2c3d4e5f made-up-secret-of-livekit | ws://localhost:7880 /tmp/agent 3"
    )
    assert shown == f"{' '.join([BLOT] * 8)} | ws://localhost:7880 /tmp/agent 3"


def test_a_dotenv_file_and_a_home_that_are_not_there_are_no_hindrance(tmp_path: Path) -> None:
    redactor = known_secrets.redactor({}, tmp_path / "none", tmp_path / "none")

    assert redactor.text("hello") == "hello"
