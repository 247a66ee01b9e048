"""How a caller gets into a room and gets an agent there: through the proxy, or at the server.

The proxy's way is the one a page takes. The direct way serves workers that the proxy does not know,
such as the stock worker of the bench.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote

import aiohttp
from livekit import api

from common.dotenv import read as read_dotenv
from dev.services import CHECKOUT

REQUEST_TIMEOUT_S = 15
TOKEN_MINUTES = 10


@dataclass(frozen=True)
class Ticket:
    """What a participant needs to join."""

    url: str
    token: str


class Access(Protocol):
    """Tokens, dispatch, and what is known when no agent comes."""

    async def ticket(self, room: str, identity: str) -> Ticket: ...
    async def dispatch(self, room: str, agent_id: str | None) -> str: ...
    async def why_no_agent(self, room: str) -> str: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...


class ProxyAccess:
    """The proxy's API, as the page uses it."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        self._http = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def ticket(self, room: str, identity: str) -> Ticket:
        answer = await self._ask("POST", "/api/token", {"room": room, "identity": identity})
        return Ticket(url=answer["url"], token=answer["token"])

    async def dispatch(self, room: str, agent_id: str | None) -> str:
        wish = {"room": room, **({"agent_id": agent_id} if agent_id else {})}
        answer = await self._ask("POST", "/api/dispatch-agent", wish)
        return str(answer.get("message", ""))

    async def agent_named(self, name: str) -> tuple[str, str]:
        """(id, name) of the Letta agent with this id or name."""
        agents = (await self._ask("GET", "/api/agents"))["agents"]
        for wanted in (name, name.casefold()):
            for agent in agents:
                if wanted in (agent["id"], agent["name"], agent["name"].casefold()):
                    return agent["id"], agent["name"]
        known = ", ".join(f"{each['name']} ({each['id']})" for each in agents) or "none at all"
        raise CallError(f"there is no Letta agent {name!r}. Letta has: {known}")

    async def why_no_agent(self, room: str) -> str:
        """What the worker's health and the room's dispatch say, in one line each."""
        lines = []
        for what, path in (
            ("worker", "/health/agent"),
            ("dispatch", f"/api/dispatch-agent/{quote(room, safe='')}"),
        ):
            try:
                answer = await self._ask("GET", path, refusals=True)
                lines.append(f"{what}: {_summary(answer)}")
            except CallError as error:
                lines.append(f"{what}: {error}")
        lines.append(
            "Next: ./restart_voice_system.sh status, then ./restart_voice_system.sh logs agent"
        )
        return "\n".join(lines)

    async def _ask(
        self, method: str, path: str, body: object = None, refusals: bool = False
    ) -> dict[str, Any]:
        """One request; with `refusals` an answer that reports a failure is returned as well."""
        if self._http is None:
            raise RuntimeError("use `async with` before asking the proxy")
        try:
            async with self._http.request(method, self.url + path, json=body) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            cause = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise CallError(
                f"the proxy at {self.url} does not answer ({cause}). "
                "Is the system running? Start it with ./restart_voice_system.sh, "
                "or name another proxy with --proxy URL"
            ) from error
        except (aiohttp.InvalidURL, aiohttp.ClientError, ValueError) as error:
            raise CallError(
                f"{self.url!r} is not the address of a proxy ({error}); "
                "it looks like http://localhost:9000"
            ) from error
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CallError(
                f"{method} {self.url}{path} answered {status} with something that is not our "
                f"proxy's JSON: {text[:80]!r}. Is another program on that port?"
            )
        if (status >= 400 or answer.get("success") is False) and not refusals:
            said = answer.get("message") or text[:200]
            raise CallError(f"{method} {path} answered {status}: {said}", status)
        return answer


class ServerAccess:
    """Tokens and dispatches made with the server's own key and secret."""

    def __init__(self, url: str, key: str, secret: str, agent_name: str) -> None:
        self.url, self.agent_name = url, agent_name
        self._key, self._secret = key, secret
        self._api: api.LiveKitAPI | None = None

    async def __aenter__(self) -> Self:
        self._api = api.LiveKitAPI(self.url, self._key, self._secret)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._api is not None:
            await self._api.aclose()

    async def ticket(self, room: str, identity: str) -> Ticket:
        token = (
            api.AccessToken(self._key, self._secret)
            .with_identity(identity)
            .with_ttl(datetime.timedelta(minutes=TOKEN_MINUTES))
            .with_grants(api.VideoGrants(room_join=True, room=room))
        )
        return Ticket(self.url, token.to_jwt())

    async def dispatch(self, room: str, agent_id: str | None) -> str:
        if self._api is None:
            raise RuntimeError("use `async with` before asking for a dispatch")
        metadata = json.dumps({"agent_id": agent_id} if agent_id else {})
        request = api.CreateAgentDispatchRequest(
            agent_name=self.agent_name, room=room, metadata=metadata
        )
        try:
            made = await self._api.agent_dispatch.create_dispatch(request)
        except (aiohttp.ClientError, api.TwirpError, TimeoutError) as error:
            raise CallError(
                f"{self.url} did not take the dispatch of {self.agent_name}: {error}"
            ) from error
        return f"dispatched {self.agent_name} as {made.id}"

    async def why_no_agent(self, room: str) -> str:
        return f"is a worker registered as {self.agent_name} at {self.url}?"


def _summary(answer: dict[str, Any]) -> str:
    """A health answer as one line: its own sentence where it has one."""
    for key in ("message", "detail"):
        if answer.get(key):
            return str(answer[key])
    return ", ".join(
        f"{key}={value}" for key, value in answer.items() if value not in (None, [], {})
    )


class CallError(Exception):
    """Its text says what happened, with which value, and what to do next."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status  # the HTTP status, where a server refused

    @property
    def final(self) -> bool:
        """True when asking again cannot help: the request itself was refused."""
        return self.status is not None and 400 <= self.status < 500


def values_in_use(exported: Mapping[str, str], dotenv: Path = CHECKOUT / ".env") -> dict[str, str]:
    """What is set: exported wins over `.env`, and empty means unset."""
    file = read_dotenv(dotenv, exported)
    if file.errors:
        raise CallError("\n".join(file.errors))
    return {name: value for name, value in {**file.values, **exported}.items() if value}


def proxy_url(values: Mapping[str, str]) -> str:
    return f"http://localhost:{values.get('PROXY_PORT', '9000')}"


def models_url(values: Mapping[str, str]) -> str:
    port = values.get("MODELS_PORT", "8090")
    return values.get("MODELS_URL", f"http://localhost:{port}/v1")
