"""Letta's REST as the proxy itself uses it: agents and their memory, in our words."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from common.model_cards import is_for_chat
from proxy.api.errors import ApiError
from proxy.clients.outside import FAILURES, in_words
from proxy.settings import ProxySettings

log = logging.getLogger("proxy.letta")

READ_TIMEOUT_S = 10.0
CREATE_TIMEOUT_S = 60.0
CHECK_TIMEOUT_S = 1.0
"""How long a dispatch waits to learn whether its agent exists."""
KNOWN_FOR_S = 60.0
AGENTS_MAX = 500
CLIENT_MISTAKES = (400, 409, 413, 422)
"""Letta's statuses for a body that is wrong in itself; it came from whoever asks us."""
CONVENTIONS = "X-Stainless-Package-Version"
"""Header of letta-client since 1.0. Without it an agent comes with all its relations: slowly, and
with the values of its tools' secrets."""
PAGE = 100
REHEARSAL = "rehearsal"
NO_SUCH_AGENT = (404, 422)
"""Letta's statuses for an agent it does not have; 422 when the id does not even look like one."""

HOW_TO_CHECK = (
    "`./restart_voice_system.sh status` tells whether the letta process runs; LETTA_BASE_URL "
    "names the server."
)


class LettaError(ApiError):
    """Letta did not do what it was asked.

    `said` is its own status, 0 when it did not answer; `reason` is its own text.
    """

    def __init__(
        self, status: int, code: str, message: str, *, said: int = 0, reason: str = ""
    ) -> None:
        super().__init__(status, code, message)
        self.said = said
        self.reason = reason


def unknown_agent(agent_id: str) -> ApiError:
    """The answer to a request about an agent that Letta does not have."""
    return ApiError(
        404,
        "UNKNOWN_AGENT",
        f"Letta has no agent {agent_id!r}. GET /api/agents lists those it has.",
    )


def _invalid(reason: str, status: int = 400) -> LettaError:
    message = f"Letta refuses this request: {reason}"
    return LettaError(400, "LETTA_REFUSED", message, said=status, reason=reason)


class Letta:
    """Requests to one Letta server, with its key."""

    def __init__(self, settings: ProxySettings, session: aiohttp.ClientSession) -> None:
        self.base_url = settings.letta_base_url
        self._session = session
        self.headers = {CONVENTIONS: "1.0.0"}
        if settings.letta_api_key is not None:
            key = settings.letta_api_key.get_secret_value()
            self.headers["Authorization"] = f"Bearer {key}"
        self._known: dict[str, float] = {}

    async def agents(self) -> list[dict[str, Any]]:
        """Every agent in Letta's own order, at most `AGENTS_MAX`."""
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while len(found) < AGENTS_MAX:
            page = await self.get("/v1/agents/", limit=str(PAGE), **after)
            found += page
            if len(page) < PAGE:
                break
            after = {"after": page[-1]["id"]}
        now = time.monotonic()
        self._known = {agent["id"]: now for agent in found}
        return found[:AGENTS_MAX]

    async def knows(self, agent_id: str) -> bool:
        """Whether there is such an agent; one seen within the last minute is not asked for."""
        seen = self._known.get(agent_id)
        if seen is not None and time.monotonic() - seen < KNOWN_FOR_S:
            return True
        try:
            await self.request("GET", f"/v1/agents/{agent_id}", timeout=CHECK_TIMEOUT_S)
        except LettaError as error:
            if error.said in NO_SUCH_AGENT:
                return False
            raise
        self._known[agent_id] = time.monotonic()
        return True

    async def create(self, agent: Mapping[str, Any]) -> dict[str, Any]:
        """Create an agent with the first agent's model and embedding where it names none."""
        wanted = dict(agent)
        if "model" not in wanted or "embedding" not in wanted:
            wanted = {**await self._usual_models(), **wanted}
        try:
            created: dict[str, Any] = await self.request(
                "POST", "/v1/agents/", body=wanted, timeout=CREATE_TIMEOUT_S
            )
        except LettaError as error:
            if error.said == 404:  # it speaks of what the body names, such as the model
                raise _invalid(error.reason) from None
            raise
        self._known[created["id"]] = time.monotonic()
        return created

    async def _usual_models(self) -> dict[str, str]:
        """Model and embedding handles: those of the first agent, else the first Letta lists."""
        agents = await self.get("/v1/agents/", limit="1")
        if agents:
            chosen = (model_of(agents[0]), _embedding_of(agents[0]))
        else:
            models, embeddings = await self.models(), await self.get("/v1/models/embedding")
            chosen = (next(iter(models), None), _first_handle(embeddings))
        model, embedding = chosen
        if model is None:
            raise LettaError(
                502,
                "LETTA_HAS_NO_MODEL",
                f"Letta at {self.base_url} lists no language model. Give it one (a provider key, "
                "or the offline models server), or name one as 'model'.",
            )
        return {"model": model, **({"embedding": embedding} if embedding else {})}

    async def models(self) -> list[str]:
        """The handles of the language models that it offers."""
        listed = await self.get("/v1/models/")
        handles = [str(model["handle"]) for model in listed if model.get("handle")]
        return [handle for handle in handles if is_for_chat({"id": handle})]

    async def scripts(self, models_url: str) -> frozenset[str]:
        """The names under which the offline models server answers by its rehearsal partner."""
        timeout = aiohttp.ClientTimeout(total=CHECK_TIMEOUT_S)
        try:
            async with self._session.get(f"{models_url}/models", timeout=timeout) as answer:
                cards = (await answer.json(content_type=None))["data"]
                return frozenset(str(card["id"]) for card in cards if card.get("script") is True)
        except (*FAILURES, ValueError, KeyError, TypeError, AttributeError):
            return frozenset({REHEARSAL})  # it has no other name

    async def change_model(self, agent_id: str, handle: str) -> dict[str, Any]:
        """The agent, which thinks with another model from its next turn on."""
        offered = await self.models()
        if handle not in offered:
            raise ApiError(
                400,
                "UNKNOWN_MODEL",
                f"Letta has no model {handle!r}; it offers: {', '.join(offered) or 'none'}.",
            )
        try:
            changed: dict[str, Any] = await self.request(
                "PATCH", f"/v1/agents/{agent_id}", body={"model": handle}
            )
        except LettaError as error:
            if error.said in NO_SUCH_AGENT:
                raise unknown_agent(agent_id) from None
            raise
        return changed

    async def blocks(self, agent_id: str) -> list[dict[str, Any]]:
        """The memory blocks of an agent; `ApiError` 404 when there is no such agent."""
        path = f"/v1/agents/{agent_id}/core-memory/blocks"
        try:
            blocks: list[dict[str, Any]] = await self.get(path)
        except LettaError as error:
            if error.said in NO_SUCH_AGENT:
                raise unknown_agent(agent_id) from None
            raise
        return blocks

    async def get(self, path: str, **query: str) -> Any:
        return await self.request("GET", path, query=query)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: float = READ_TIMEOUT_S,
    ) -> Any:
        """Letta's JSON answer; `LettaError` says in words what went wrong."""
        try:
            async with self._session.request(
                method,
                self.base_url + path,
                params=query,
                json=body,
                headers=self.headers,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                if response.status >= 400:
                    raise await self._refused(response)
                return await response.json(content_type=None)
        except FAILURES as error:
            raise self.unreachable(error) from error
        except ValueError as error:
            raise LettaError(
                502,
                "LETTA_ERROR",
                f"What answers at {self.base_url} is not Letta: no JSON came back. "
                "LETTA_BASE_URL names the server.",
            ) from error

    def unreachable(self, error: BaseException) -> LettaError:
        """The error for a request that failed with one of `FAILURES`."""
        return LettaError(
            503,
            "LETTA_UNREACHABLE",
            f"Letta cannot be reached at {self.base_url}: {in_words(error)}. It takes about 20 s "
            f"to start. {HOW_TO_CHECK}",
        )

    async def _refused(self, response: aiohttp.ClientResponse) -> LettaError:
        if response.status in (401, 403):
            return LettaError(
                502,
                "LETTA_KEY_REJECTED",
                f"Letta at {self.base_url} rejects LETTA_API_KEY (it answered {response.status}). "
                "Set the key that belongs to this server.",
                said=response.status,
            )
        reason = _reason(await response.text(errors="replace"))
        status = response.status
        log.debug("Letta answered %d: %s", status, reason)
        if status == 404:
            message = f"Letta does not know it: {reason}"
            return LettaError(404, "LETTA_NOT_FOUND", message, said=404, reason=reason)
        if status in CLIENT_MISTAKES and response.method == "POST":
            return _invalid(reason, status)
        message = f"Letta at {self.base_url} answered {status}: {reason}"
        return LettaError(502, "LETTA_ERROR", message, said=status, reason=reason)


def _reason(text: str) -> str:
    """What Letta says in the body of a refusal, in a sentence where it has the usual form."""
    try:
        detail = json.loads(text)["detail"]
    except (ValueError, TypeError, KeyError):
        return text[:500]
    if isinstance(detail, list):  # one entry a field that is wrong
        parts = [
            f"{'.'.join(str(part) for part in field.get('loc', ())[1:])}: {field.get('msg')}"
            for field in detail
            if isinstance(field, dict)
        ]
        detail = "; ".join(parts) or text
    return str(detail)[:500]


def model_of(agent: Mapping[str, Any]) -> str | None:
    """The handle of an agent's language model."""
    return agent.get("model") or (agent.get("llm_config") or {}).get("handle")


def _embedding_of(agent: Mapping[str, Any]) -> str | None:
    return agent.get("embedding") or (agent.get("embedding_config") or {}).get("handle")


def _first_handle(models: list[dict[str, Any]]) -> str | None:
    return next((model["handle"] for model in models if model.get("handle")), None)
