"""The page: what is served, what is not, and the policy under which it runs."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from proxy.api.security import page_policy
from proxy.settings import CHECKOUT
from tests.fast.proxy.conftest import Proxy, StartProxy

HTML = '<!doctype html><script type="importmap">{"imports": {}}</script>'


@pytest.fixture
async def proxy(start_proxy: StartProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """A proxy with a page of a few files."""
    web = tmp_path / "web"
    (web / "parts").mkdir(parents=True)
    (web / "index.html").write_text(HTML)
    (web / "parts" / "a.js").write_text("export {};")
    (web / "style.css").write_text("p {}")
    (web / ".hidden.js").write_text("secret")
    (web / "notes.py").write_text("secret")
    (tmp_path / "outside.js").write_text("secret")
    (web / "link.js").symlink_to(tmp_path / "outside.js")
    library = tmp_path / "modules" / "livekit-client" / "dist"
    library.mkdir(parents=True)
    (library / "livekit-client.esm.mjs").write_text("export const library = 1;")
    monkeypatch.setattr("proxy.api.page.Page.__init__.__defaults__", (web, tmp_path / "modules"))
    return await start_proxy()


async def test_the_page(proxy: Proxy) -> None:
    root = await proxy.get("/")
    assert (root.status, root.headers["Location"]) == (302, "/debug")
    page = await proxy.get("/debug")
    assert (page.status, page.body.decode()) == (200, HTML)
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Security-Policy"] == page_policy(HTML, proxy.settings.livekit_url)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/web/parts/a.js", "text/javascript"),
        ("/web/style.css", "text/css"),
        ("/web/vendor/livekit-client.mjs", "text/javascript"),
    ],
)
async def test_its_files(proxy: Proxy, path: str, kind: str) -> None:
    answer = await proxy.get(path)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, kind)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = await proxy.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


@pytest.mark.parametrize(
    "path",
    [
        "/web/nothing.js",
        "/web/.hidden.js",
        "/web/notes.py",
        "/web/link.js",
        "/web/parts",
        "/web/%2e%2e/outside.js",
        "/web/..%2foutside.js",
        "/web//etc/passwd",
        "/web/" + "a" * 5000,
        "/web/a%00.js",
        "/web/vendor/nothing.mjs",
    ],
)
async def test_what_is_not_the_page(proxy: Proxy, path: str) -> None:
    answer = await proxy.get(path)
    assert (answer.status, answer.json["error"]) == (404, "NOT_FOUND")
    assert b"secret" not in answer.body


async def test_a_missing_package_is_said_with_its_remedy(proxy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "modules" / "livekit-client" / "dist" / "livekit-client.esm.mjs").unlink()
    answer = await proxy.get("/web/vendor/livekit-client.mjs")
    assert (answer.status, answer.json["error"]) == (404, "PACKAGE_MISSING")
    assert "npm ci" in answer.json["message"]


def test_the_real_page_is_where_it_is_looked_for() -> None:
    assert (CHECKOUT / "web" / "index.html").is_file()
    assert (CHECKOUT / "package.json").is_file()


def directives(policy: str) -> dict[str, list[str]]:
    parts = [each.split() for each in policy.split("; ")]
    return {part[0]: part[1:] for part in parts}


def test_the_policy_of_the_page_allows_its_import_map_and_no_other_inline_script() -> None:
    text = '\n{"imports": {"livekit-client": "/web/vendor/livekit-client.mjs"}}\n'
    html = f'<script type="importmap">{text}</script><script>alert(1)</script>'
    policy = directives(page_policy(html, "ws://localhost:7880"))
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert policy["script-src"] == ["'self'", f"'sha256-{digest}'"]
    assert policy["default-src"] == ["'none'"]
    assert "'unsafe-inline'" not in str(policy)


def test_the_page_may_connect_to_its_livekit_server_by_any_local_name() -> None:
    sources = directives(page_policy("", "ws://localhost:7880"))["connect-src"]
    assert {"'self'", "ws://localhost:7880", "ws://127.0.0.1:7880", "http://localhost:7880"} <= {
        *sources
    }


def test_the_page_may_connect_to_the_regions_of_livekit_cloud() -> None:
    sources = directives(page_policy("", "wss://mine.livekit.cloud"))["connect-src"]
    assert {"wss://mine.livekit.cloud", "https://*.livekit.cloud"} <= {*sources}
    assert "ws://localhost" not in str(sources)


def test_a_numeric_ipv6_address_has_no_form_in_a_policy() -> None:
    sources = directives(page_policy("", "ws://[::1]:7880"))["connect-src"]
    assert sources == ["'self'", "ws:", "http:"]
