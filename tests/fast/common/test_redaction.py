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
        ("SMTP_PASS=made-up", "made-up"),
        ("export DB_PWD='made-up'", "made-up"),
        ('{"smtp_pass": "made-up"}', "made-up"),
        ("SSH_PASSPHRASE=made-up", "made-up"),
        ("AccountName=voice;AccountKey=made-up==;Suffix=x", "made-up"),
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
        "first_pass: warmed up, by-pass: used, COMPASS=north, pin: 7 of 8",
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


HIDDEN = "Pl4nted+Word/9xQ"


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        *(
            (name, HIDDEN, HIDDEN)
            for name in (
                "SMTP_PASS",
                "DB_PWD",
                "SSH_PASSPHRASE",
                "SMTP_PASS_2",
                "ADMIN_PW",
                "SIM_PIN",
                "GIT_CREDS",
                "GITHUB_PAT",
                "WIFI_PSK",
                "smtpPass",
                "smtp.pass",
                "MY_APIKEY",
                "AUTHORIZATION",
            )
        ),
        ("WEBHOOK_SECRET", "/9fXk3Zq+LmN7/uVw", "/9fXk3Zq+LmN7/uVw"),
        ("SMTP_PASS", "/Pl4nted-with-a-slash", "/Pl4nted-with-a-slash"),
        ("SMTP_PASS", "20398475", "20398475"),
        ("PG_CONNECTION", f"host=db user=u password={HIDDEN} sslmode=off", HIDDEN),
        ("REPORTS_DB", f"Server=db;User Id=u;Pwd={HIDDEN};Encrypt=yes", HIDDEN),
        ("STORAGE", f"AccountName=voice;AccountKey={HIDDEN};Suffix=x", HIDDEN),
        ("HOOK_URL", "https://host/hook?room=a&api_key=Pl4nted-Word-9xQ", "Pl4nted-Word-9xQ"),
        ("SERVICE_ACCOUNT", json.dumps({"type": "x", "private_key": HIDDEN}), HIDDEN),
    ],
)
@pytest.mark.parametrize("place", ["environment", "dotenv"])
def test_what_a_setting_hides_is_blotted_out_raw_in_base64_and_in_hexadecimal(
    name: str, value: str, secret: str, place: str, tmp_path: Path
) -> None:
    if place == "dotenv":
        (tmp_path / ".env").write_text(f"{name}='{value}'\n")
        redactor = known_secrets.redactor({}, tmp_path / ".env")
    else:
        redactor = known_secrets.redactor({name: value})

    shown = redactor.text(f"it said {secret} or {b64('u:' + secret)} or {secret.encode().hex()}")

    assert shown == f"it said {BLOT} or {BLOT} or {BLOT}"
    assert known_secrets.is_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PWD", "/home/me/work"),
        ("OLDPWD", "/home/me"),
        ("XAUTHORITY", "/home/me/.Xauthority"),
        ("TLS_KEY", "/etc/voice/key.pem"),
        ("SSH_AUTH_SOCK", "/tmp/agent.1"),
        ("KEY_FILE", "voice.pem"),
        ("GIT_AUTHOR_EMAIL", "me@example.org"),
        ("POSTGRES_HOST_AUTH_METHOD", "trust"),
        ("KEYBOARD", "dvorak"),
        ("HF_TOKENIZER", "bert-base-uncased"),
        ("BYPASS", "staging"),
        ("COMPASS_HEADING", "north-east"),
        ("SPINNER", "dots-large"),
        ("OPENAI_BASE_URL", "https://host:8443/v1?version=2024-10"),
        ("MAX_TOKENS", "204800"),
        ("ENTRYPOINT", "python -m agent --log-level=DEBUG"),
    ],
)
def test_what_a_setting_says_that_is_no_secret_stays(name: str, value: str) -> None:
    redactor = known_secrets.redactor({name: value})

    assert redactor.text(f"{name} {value} after") == f"{name} {value} after"


def test_the_secrets_of_a_dotenv_file_are_named_but_not_told(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# OLD_KEY=made-up\nSPEECH=openai\nOPENAI_API_KEY=made-up\nexport SMTP_PASS='made-up'\n"
        "DATABASE_URL=postgres://u:made-up@h/d\nLETTA_API_KEY=\nTLS_KEY_FILE=/etc/x.pem\n"
    )

    assert known_secrets.holds_secrets(path) == ["OPENAI_API_KEY", "SMTP_PASS", "DATABASE_URL"]
    assert known_secrets.holds_secrets(tmp_path / "none") == []


def test_lines_of_a_dotenv_file_are_read_without_a_package(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("\ufeffA=1 # one\n\n# B=2\nexport C = 'x y'\nnonsense\nD=\n", encoding="utf-8")

    assert list(known_secrets.assignments(path)) == [
        (1, "A", "1"),
        (4, "C", "x y"),
        (5, "", "nonsense"),
        (6, "D", ""),
    ]
