"""Loopback, and what NO_PROXY names, is asked directly."""

import os
import subprocess
import sys

import httpx
import pytest
from pydantic import SecretStr

from agent.settings import AgentSettings
from agent.timeline.job_book import JobBook
from agent.worker import server
from common import http_proxy

PROXY = "http://127.0.0.1:9"
LOOPBACK = "localhost,.localhost,127.0.0.1,::1"


@pytest.fixture(autouse=True)
def no_proxy_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*http_proxy.PROXIES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_programs_find_loopback_beside_what_the_person_exempts() -> None:
    assert http_proxy.with_loopback({"NO_PROXY": "intern.example"}) == {}
    environ = {"https_proxy": PROXY, "NO_PROXY": "one.example, ::1", "no_proxy": "two.example"}
    merged = "one.example,::1,two.example,localhost,.localhost,127.0.0.1"
    assert http_proxy.with_loopback(environ) == {"NO_PROXY": merged, "no_proxy": merged}
    composed = {**environ, **http_proxy.with_loopback(environ)}
    assert http_proxy.with_loopback(composed) == http_proxy.with_loopback(environ)


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("ws://localhost:7880", True),
        ("ws://sfu.localhost:7880", True),
        ("ws://127.0.0.2:7880", True),
        ("ws://[::1]:7880", True),
        ("wss://sfu.intern.example", True),
        ("wss://project.livekit.cloud", False),
        ("ws://127.0.0.1.example:7880", False),
        ("ws://[broken", False),
    ],
)
def test_which_addresses_are_asked_directly(url: str, direct: bool) -> None:
    assert http_proxy.is_direct(url, {"no_proxy": "intern.example"}) is direct


@pytest.mark.parametrize(
    ("url", "proxy"), [("ws://localhost:7880", None), ("wss://p.livekit.cloud", PROXY)]
)
def test_the_worker_asks_a_proxy_for_a_server_elsewhere_only(
    url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    settings = AgentSettings(
        livekit_url=url, livekit_api_key="k", livekit_api_secret=SecretStr("s" * 32)
    )
    assert server.make_server(settings, JobBook(None), lambda: None)._http_proxy == proxy


def test_httpx_asks_nobody_else_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letta's and OpenAI's clients are made of it."""
    environ = {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}
    for name, value in {**environ, **http_proxy.with_loopback(environ)}.items():
        monkeypatch.setenv(name, value)
    with httpx.Client() as client:
        own = client._transport
        for host in ("localhost:1", "letta.localhost:1", "127.0.0.1:1", "[::1]:1"):
            assert client._transport_for_url(httpx.URL(f"http://{host}/")) is own, host
        assert client._transport_for_url(httpx.URL("http://elsewhere.example/")) is not own


def test_native_code_sees_no_proxy_for_this_machine() -> None:
    code = (
        "import ctypes, os; from common import http_proxy as p; get = ctypes.CDLL(None).getenv\n"
        "get.restype = ctypes.c_char_p\n"
        "p.hide_from_native_code('wss://project.livekit.cloud'); print(get(b'HTTP_PROXY'))\n"
        "p.hide_from_native_code('ws://localhost:1'); print(get(b'HTTP_PROXY'))\n"
        "print(os.environ['HTTP_PROXY'])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HTTP_PROXY": PROXY},
        capture_output=True,
        text=True,
    )
    assert shown.stdout.splitlines() == [repr(PROXY.encode()), "None", PROXY], shown.stderr
