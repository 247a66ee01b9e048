"""With HTTP_PROXY and its kind exported, nothing asks that proxy for what runs on this machine: the
worker, its jobs, Letta's and the speech clients, the proxy, the doctor, and a caller."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.running_system import ROOT, System, new_system


class Recorder(BaseHTTPRequestHandler):
    """Keeps what it is asked in `asked`, and gives nothing, or what `answers` has."""

    asked: list[str]
    answers: dict[str, Any]

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        body = json.dumps(self.answers.get(path, {})).encode()
        self.send_response(200 if path in self.answers else 502)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_CONNECT = do_POST = do_DELETE = do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def recorder(answers: dict[str, Any]) -> tuple[ThreadingHTTPServer, list[str], str]:
    asked: list[str] = []
    handler = type("One", (Recorder,), {"asked": asked, "answers": answers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked, f"http://localhost:{server.server_address[1]}"


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[tuple[System, list[str], list[str]]]:
    """A system with every proxy variable exported; what that proxy, and Letta, are asked."""
    proxy, asked_proxy, proxy_url = recorder({})
    agents = [{"id": "agent-1", "name": "one", "created_at": "2026-01-01T00:00:00Z"}]
    letta, asked_letta, letta_url = recorder(
        {"/v1/health/": {"version": "0", "status": "ok"}, "/v1/agents/": agents}
    )
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    variables = {name: proxy_url for upper in names for name in (upper, upper.lower())}
    cleared = {"NO_PROXY": "", "no_proxy": ""}
    system = new_system(tmp_path / "home", LETTA_BASE_URL=letta_url, **variables, **cleared)
    try:
        system.start()
        yield system, asked_proxy, asked_letta
    finally:
        system.stop()
        for server in (proxy, letta):
            server.shutdown()
            server.server_close()


def test_nothing_on_this_machine_is_asked_through_a_proxy(
    proxied: tuple[System, list[str], list[str]],
) -> None:
    system, asked_proxy, asked_letta = proxied

    def run(*words: str) -> str:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=system.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )
        return done.stdout

    before = len(asked_letta)
    told = run("./scripts/talk", "hello")
    assert "connected" in told, told
    assert any("conversations" in path for path in asked_letta[before:]), asked_letta
    doctor = run("./scripts/doctor", "--verbose")
    assert "registered" in doctor
    deployment = run("./scripts/check-deployment", system.proxy_url)
    assert "join" in deployment, deployment
    assert system.command("status")
    assert asked_proxy == []
