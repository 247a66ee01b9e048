"""The questions that readiness asks, against a server that answers as it is told."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest

from dev.services import SERVICES
from dev.supervisor import readiness

SECRET = "s" * 32


class Server:
    """Answers by path; remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.command, self.path, self.headers.get("Authorization")))
                status, text = outer.answers.get(self.path, (404, "no such thing"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


LIST_ROOMS = "/twirp/livekit.RoomService/ListRooms"


def test_livekit_answers_with_the_key(server: Server) -> None:
    environ = {
        "LIVEKIT_PORT": str(server.port),
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": SECRET,
    }
    server.answers = {"/": (200, "OK"), LIST_ROOMS: (200, "{}")}
    assert readiness.ask(SERVICES["livekit"], environ) is None
    method, _, authorization = server.asked[-1]
    assert method == "POST" and authorization is not None
    claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    assert claims["iss"] == "key" and claims["video"] == {"roomList": True}
    server.answers[LIST_ROOMS] = (401, "invalid token")
    assert "rejects LIVEKIT_API_KEY" in str(readiness.ask(SERVICES["livekit"], environ))


def test_a_livekit_elsewhere_is_asked_by_its_url(server: Server) -> None:
    environ = {
        "LIVEKIT_URL": f"ws://127.0.0.1:{server.port}",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": SECRET,
    }
    server.answers = {"/": (200, "OK"), LIST_ROOMS: (200, "{}")}
    assert readiness.ask_elsewhere(SERVICES["livekit"], environ) is None


def test_letta_is_ready_with_a_first_agent_that_is_not_of_an_older_memory(
    server: Server, tmp_path: Path
) -> None:
    environ = {"LETTA_PORT": str(server.port), "VOICE_HOME": str(tmp_path)}
    server.answers = {"/readyz": (200, "ok")}
    (tmp_path / "letta" / "app-server").mkdir(parents=True)
    (tmp_path / "letta" / "first-agent").write_text("agent-of-v1")
    assert "first agent" in str(readiness.ask(SERVICES["letta"], environ))
    (tmp_path / "letta" / "app-server" / "first-agent").write_text("agent-1")
    assert readiness.ask(SERVICES["letta"], environ) is None


def test_a_letta_elsewhere_is_asked_with_the_key(server: Server) -> None:
    environ = {"LETTA_BASE_URL": f"http://127.0.0.1:{server.port}", "LETTA_API_KEY": "sk-1"}
    server.answers = {"/v1/health/": (200, "{}"), "/v1/agents/?limit=1": (401, "no")}
    assert "rejects LETTA_API_KEY" in str(readiness.ask_elsewhere(SERVICES["letta"], environ))
    assert server.asked[-1][2] == "Bearer sk-1"
    environ["LETTA_BACKEND"] = "app-server"
    server.answers = {"/readyz": (200, "ok"), "/app-server-info": (401, "no")}
    assert "rejects LETTA_API_KEY" in str(readiness.ask_elsewhere(SERVICES["letta"], environ))
    server.answers["/app-server-info"] = (200, "{}")
    assert readiness.ask_elsewhere(SERVICES["letta"], environ) is None


def test_the_agent_is_ready_when_registered_under_its_name(server: Server) -> None:
    environ = {"AGENT_PORT": str(server.port), "LIVEKIT_AGENT_NAME": "mine"}
    server.answers = {"/": (503, "no connection to ws://x yet")}
    assert "no connection to ws://x" in str(readiness.ask(SERVICES["agent"], environ))
    sentence = "not registered with the LiveKit server at ws://x: it cannot be reached"
    server.answers = {"/": (503, sentence)}
    assert readiness.ask(SERVICES["agent"], environ) == sentence
    server.answers = {"/": (200, "ok"), "/worker": (200, json.dumps({"agent_name": "other"}))}
    told = readiness.ask(SERVICES["agent"], environ)
    assert told == "registered as 'other', expected 'mine'"
    server.answers["/worker"] = (200, json.dumps({"agent_name": "mine"}))
    assert readiness.ask(SERVICES["agent"], environ) is None


@pytest.mark.parametrize("speech", ["openai"])
def test_the_providers_in_use_are_asked_with_the_key(server: Server, speech: str) -> None:
    base = f"http://127.0.0.1:{server.port}/v1"
    environ = {"SPEECH": speech, "OPENAI_BASE_URL": base, "OPENAI_API_KEY": "sk-2"}
    server.answers = {"/v1/models": (200, "{}")}
    assert readiness.ask_elsewhere(SERVICES["models"], environ) is None
    assert server.asked == [("GET", "/v1/models", "Bearer sk-2")]
    server.answers = {"/v1/models": (401, "no")}
    assert "OPENAI_API_KEY" in str(readiness.ask_elsewhere(SERVICES["models"], environ))


def test_nobody_there_is_told(server: Server) -> None:
    server.http.shutdown()
    server.http.server_close()
    told = readiness.ask(SERVICES["proxy"], {"PROXY_PORT": str(server.port)})
    assert told == f"127.0.0.1:{server.port} refuses the connection"


def test_a_token_is_three_parts_without_padding() -> None:
    parts = readiness.livekit_token("k", SECRET).split(".")
    assert len(parts) == 3 and not any("=" in part for part in parts)
    assert json.loads(base64.urlsafe_b64decode(parts[0] + "=="))["alg"] == "HS256"
