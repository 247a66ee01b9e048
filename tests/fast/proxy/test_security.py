"""Who may ask: Host, Origin and CORS; and the headers of every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.fast.proxy.conftest import Proxy, running_proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def proxy() -> AsyncIterator[Proxy]:
    """One proxy for all questions: none of them changes it."""
    async with AsyncExitStack() as stack:
        yield await running_proxy(
            stack, proxy_allowed_origins="https://listed.example", proxy_allowed_hosts="voice.lan"
        )


@pytest.mark.parametrize(
    "host", ["localhost:PORT", "127.0.0.1:PORT", "[::1]:PORT", "LOCALHOST:PORT"]
)
async def test_our_own_names_are_answered(proxy: Proxy, host: str) -> None:
    host = host.replace("PORT", str(proxy.settings.proxy_port))
    assert (await proxy.get("/healthz", headers={"Host": host})).status == 200


async def test_a_listed_name_is_answered(proxy: Proxy) -> None:
    assert (await proxy.get("/healthz", headers={"Host": "voice.lan"})).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:PORT", "localhost", "localhost:1", "127.0.0.1.evil:PORT", ""],
)
async def test_another_name_is_not(proxy: Proxy, host: str) -> None:
    host = host.replace("PORT", str(proxy.settings.proxy_port))
    for path in ("/debug", "/healthz", "/api/agents", "/letta/v1/agents", "/nothing"):
        answer = await proxy.get(path, headers={"Host": host})
        assert (answer.status, answer.json["error"]) == (403, "HOST_NOT_ALLOWED")


def own(proxy: Proxy, name: str = "localhost") -> str:
    return f"http://{name}:{proxy.settings.proxy_port}"


async def test_own_and_listed_pages_may_use_the_api(proxy: Proxy) -> None:
    for origin in (own(proxy), own(proxy, "127.0.0.1"), "https://listed.example"):
        answer = await proxy.post("/api/token", {"room": "r"}, headers={"Origin": origin})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:1",
        "https://listed.example.evil.example",
        "http://listed.example",
        "https://localhost:PORT",
    ],
)
async def test_other_pages_may_not(proxy: Proxy, origin: str) -> None:
    origin = origin.replace("PORT", str(proxy.settings.proxy_port))
    for method, path in (
        ("POST", "/api/token"),
        ("POST", "/api/dispatch-agent"),
        ("POST", "/letta/v1/agents"),
        ("PATCH", "/letta/v1/blocks/block-1"),
    ):
        answer = await proxy.ask(method, path, json={"room": "r"}, headers={"Origin": origin})
        assert (answer.status, answer.json["error"]) == (403, "ORIGIN_NOT_ALLOWED")
        assert "Access-Control-Allow-Origin" not in answer.headers
    reading = await proxy.get("/api/config", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in reading.headers


async def test_a_foreign_form_without_an_origin_is_refused(proxy: Proxy) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await proxy.post("/api/token", {"room": "r"}, headers=headers)
    assert (answer.status, answer.json["error"]) == (403, "ORIGIN_NOT_ALLOWED")
    same = await proxy.post("/api/token", {"room": "r"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert same.status == 200


async def test_preflights(proxy: Proxy) -> None:
    asks = {"Access-Control-Request-Method": "PATCH"}
    yes = await proxy.ask(
        "OPTIONS", "/letta/v1/blocks/b", headers={"Origin": "https://listed.example", **asks}
    )
    assert yes.status == 204
    assert yes.headers["Access-Control-Allow-Origin"] == "https://listed.example"
    assert "PATCH" in yes.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in yes.headers["Access-Control-Allow-Headers"]
    no = await proxy.ask("OPTIONS", "/api/token", headers={"Origin": "http://evil.example", **asks})
    assert no.status == 403
    assert "Access-Control-Allow-Methods" not in no.headers


async def test_every_answer_has_the_headers(proxy: Proxy) -> None:
    for path in ("/debug", "/healthz", "/api/config", "/nothing", "/web/main.js", "/"):
        headers = (await proxy.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Request-Id"]


async def test_answers_of_the_api_are_neither_kept_nor_run(proxy: Proxy) -> None:
    headers = (await proxy.get("/api/config")).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
