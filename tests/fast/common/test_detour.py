"""An address in the text of an error that is not the one that was meant."""

from __future__ import annotations

import pytest

from common.detour import Detour, detour

OURS = "ws://localhost:7880"
THEIRS = "wss://sfu.example.org"
PROXY = {"HTTPS_PROXY": "http://user:word@127.0.0.1:3128"}


@pytest.mark.parametrize(
    ("evidence", "meant", "environ", "expected"),
    [
        (
            "it cannot be reached (Cannot connect to host 127.0.0.1:3128 ssl:default [Connect call "
            "failed ('127.0.0.1', 3128)])",
            OURS,
            PROXY,
            Detour(OURS, "127.0.0.1:3128", "HTTPS_PROXY"),
        ),
        (
            "Cannot connect to host proxy.corp.example:8080 ssl:default [Name unknown]",
            THEIRS,
            {"http_proxy": "proxy.corp.example:8080"},
            Detour(THEIRS, "proxy.corp.example:8080", "http_proxy"),
        ),
        (
            "403, message='Forbidden', url='http://proxy.corp.example:8080'",
            THEIRS,
            {},
            Detour(THEIRS, "proxy.corp.example:8080"),
        ),
        (
            "Cannot connect to host 127.0.0.1:9 ssl:default [Connect call failed ('127.0.0.1', 9)]",
            OURS,
            {},
            Detour(OURS, "127.0.0.1:9"),
        ),
        (
            "404, message='Not Found', url='http://127.0.0.1:3128'",
            THEIRS,
            PROXY,
            Detour(THEIRS, "127.0.0.1:3128", "HTTPS_PROXY"),
        ),
        ("Connect call failed ('10.1.2.3', 3128)", OURS, {}, Detour(OURS, "10.1.2.3:3128")),
        # The same port as that of the server, but the variable names it.
        (
            "Cannot connect to host proxy.corp.example:443 ssl:default",
            THEIRS,
            {"ALL_PROXY": "https://proxy.corp.example"},
            Detour(THEIRS, "proxy.corp.example:443", "ALL_PROXY"),
        ),
    ],
)
def test_an_address_that_was_not_meant_is_told_with_the_variable_that_names_it(
    evidence: str, meant: str, environ: dict[str, str], expected: Detour
) -> None:
    assert detour(evidence, meant, environ) == expected


@pytest.mark.parametrize(
    ("evidence", "meant"),
    [
        ("Cannot connect to host localhost:7880 ssl:default [Connect call failed]", OURS),
        ("Connect call failed ('127.0.0.1', 7880)", OURS),
        ("Connect call failed ('::1', 7880, 0, 0)", OURS),
        ("Cannot connect to host [::1]:7880", OURS),
        ("401, message='Invalid response status', url='ws://localhost:7880/agent?x=1'", OURS),
        ("Connect call failed ('203.0.113.7', 443)", THEIRS),
        ("it rejects LIVEKIT_API_KEY and LIVEKIT_API_SECRET (401)", OURS),
        ("[Errno 111] at 12:30:15, line:120, after 3:10 min (client.py:1105)", OURS),
        ("", OURS),
        ("Cannot connect to host 127.0.0.1:3128", "ws://"),
    ],
)
def test_what_names_no_other_address_is_no_detour(evidence: str, meant: str) -> None:
    assert detour(evidence, meant, {"HTTP_PROXY": "http://127.0.0.1:9999"}) is None


def test_its_words_name_the_address_the_variable_and_what_to_do() -> None:
    known = Detour(THEIRS, "localhost:3128", "HTTPS_PROXY")
    unknown = Detour(OURS, "10.1.2.3:3128")

    assert "localhost:3128" in known.sentence and "HTTPS_PROXY" in known.sentence
    assert known.next.startswith("Unset HTTPS_PROXY, or add sfu.example.org to NO_PROXY")
    assert "10.1.2.3:3128" in unknown.sentence
    assert unknown.next == "Unset HTTP_PROXY and HTTPS_PROXY where the worker is started"
