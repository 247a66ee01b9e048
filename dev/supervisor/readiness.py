"""Whether a service answers: one question for each, asked of our own program or of someone else's
server.

A question returns None when all is well, else a sentence that says what is still wrong. They use
http.client, which is in memory anyway: five launchers with an HTTP library each would cost more
than the services they watch.
"""

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dev.services import LETTA_CLOUD, Service, providers

ANSWER_S = 3.0
FIRST_AGENT = "letta/app-server/first-agent"
OPENAI = "https://api.openai.com/v1"


def ask(service: Service, environ: Mapping[str, str]) -> str | None:
    """Ask our own program on its port."""
    return OWN[service.probe](f"http://127.0.0.1:{service.port.number(environ)}", environ)


def ask_elsewhere(service: Service, environ: Mapping[str, str]) -> str | None:
    """Ask someone else's server, with the credentials of the settings."""
    return ELSEWHERE[service.probe](environ)


def _get(
    url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, bytes] | str:
    """GET (or POST a body): status and answer, or a sentence why there is none."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    place = parts.netloc.rpartition("@")[2]
    connection = kind(place, timeout=ANSWER_S)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(200_000)
    except TimeoutError:
        return f"{place} does not answer within {ANSWER_S:.0f} s"
    except ConnectionRefusedError:
        return f"{place} refuses the connection"
    except (OSError, http.client.HTTPException) as error:
        return f"{place} cannot be reached: {error}"
    finally:
        connection.close()


def _expect_200(
    url: str, headers: Mapping[str, str] | None = None, key: str = "", body: bytes | None = None
) -> str | None:
    got = _get(url, headers, body)
    if isinstance(got, str):
        return got
    status, answer = got
    if status == 200:
        return None
    if status in (401, 403) and key:
        return f"{url} rejects {key} (status {status}): correct it in .env"
    return f"{url} answers with status {status}: {answer[:200].decode(errors='replace').strip()}"


def livekit_token(key: str, secret: str) -> str:
    """A LiveKit token that may list rooms, for a minute."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    now = int(time.time())
    claims = {"iss": key, "nbf": now - 10, "exp": now + 60, "video": {"roomList": True}}
    text = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def _livekit(base: str, environ: Mapping[str, str]) -> str | None:
    token = livekit_token(environ.get("LIVEKIT_API_KEY", ""), environ.get("LIVEKIT_API_SECRET", ""))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _expect_200(f"{base}/", body=None) or _expect_200(
        f"{base}/twirp/livekit.RoomService/ListRooms",
        headers,
        "LIVEKIT_API_KEY and LIVEKIT_API_SECRET",
        b"{}",
    )


def _livekit_elsewhere(environ: Mapping[str, str]) -> str | None:
    url = environ["LIVEKIT_URL"].rstrip("/")
    scheme, _, rest = url.partition("://")
    return _livekit(f"{ {'wss': 'https', 'ws': 'http'}.get(scheme, scheme) }://{rest}", environ)


def _models(base: str, environ: Mapping[str, str]) -> str | None:
    return _expect_200(f"{base}/v1/models")


def _models_elsewhere(environ: Mapping[str, str]) -> str | None:
    """Each OpenAI-compatible endpoint in use, asked once for its models; the first that fails."""
    chosen = providers(environ)
    if "offline" in chosen.values():
        return _expect_200(f"{environ['MODELS_URL'].rstrip('/')}/models")
    openai = environ.get("OPENAI_BASE_URL") or OPENAI
    bases = {
        "stt": environ.get("STT_BASE_URL") or openai,
        "tts": environ.get("TTS_BASE_URL") or openai,
        "chat": openai,
    }
    in_use = {bases[role] for role, provider in chosen.items() if provider == "openai"}
    key = environ.get("OPENAI_API_KEY", "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for base in sorted(in_use):
        if wrong := _expect_200(f"{base.rstrip('/')}/models", headers, "OPENAI_API_KEY"):
            return wrong
    return None


def _letta(base: str, environ: Mapping[str, str]) -> str | None:
    if wrong := _expect_200(f"{base}/readyz"):
        return wrong
    if not (Path(environ["VOICE_HOME"]) / FIRST_AGENT).exists():
        return "the first agent is not there yet"
    return None


def _letta_elsewhere(environ: Mapping[str, str]) -> str | None:
    base = environ["LETTA_BASE_URL"].rstrip("/")
    key = environ.get("LETTA_API_KEY", "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if environ.get("LETTA_BACKEND") == "app-server":
        return _expect_200(f"{base}/readyz") or _expect_200(
            f"{base}/app-server-info", headers, "LETTA_API_KEY"
        )
    if base == LETTA_CLOUD:
        return _expect_200(f"{base}/v1/agents/?limit=1", headers, "LETTA_API_KEY")
    return _expect_200(f"{base}/v1/health/", headers, "LETTA_API_KEY") or _expect_200(
        f"{base}/v1/agents/?limit=1", headers, "LETTA_API_KEY"
    )


def _agent(base: str, environ: Mapping[str, str]) -> str | None:
    got = _get(f"{base}/")
    if isinstance(got, str):
        return got
    status, answer = got
    if status != 200:
        sentence = answer[:300].decode(errors="replace").strip()
        whole = sentence.startswith("not registered")
        return sentence if whole else f"not registered with the LiveKit server: {sentence}"
    worker = _get(f"{base}/worker")
    if isinstance(worker, str):
        return worker
    try:
        name = json.loads(worker[1])["agent_name"]
    except (ValueError, KeyError, TypeError):
        return f"{base}/worker answers with status {worker[0]} and no agent_name"
    expected = environ.get("LIVEKIT_AGENT_NAME") or "letta-voice-agent"
    return None if name == expected else f"registered as {name!r}, expected {expected!r}"


def _proxy(base: str, environ: Mapping[str, str]) -> str | None:
    return _expect_200(f"{base}/healthz")


def _page(base: str, environ: Mapping[str, str]) -> str | None:
    return _expect_200(f"{base}/")


OWN: dict[str, Callable[[str, Mapping[str, str]], str | None]] = {
    "livekit": _livekit,
    "models": _models,
    "letta": _letta,
    "agent": _agent,
    "proxy": _proxy,
    "page": _page,
}
ELSEWHERE: dict[str, Callable[[Mapping[str, str]], str | None]] = {
    "livekit": _livekit_elsewhere,
    "models": _models_elsewhere,
    "letta": _letta_elsewhere,
}
