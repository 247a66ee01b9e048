"""`GET /api/config`: what the page must know before it does anything. No key is in it."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from proxy import __version__
from proxy.endpoint import Answer, Endpoint, answered
from proxy.listening import Tunable, tunables
from proxy.settings import ProxySettings


class ConfigAnswer(Answer):
    """Addresses and names of this system."""

    livekit_url: str
    agent_name: str
    letta_base_url: str
    version: str
    join_timeout_s: float
    listening: list[Tunable] = Field(
        description="Settings that `/api/dispatch-agent` takes for one call."
    )


class Config:
    """Handler of the route."""

    def __init__(self, settings: ProxySettings) -> None:
        self._answer = ConfigAnswer(
            livekit_url=settings.livekit_url,
            agent_name=settings.livekit_agent_name,
            letta_base_url=settings.letta_base_url,
            version=__version__,
            join_timeout_s=settings.agent_join_timeout,
            listening=tunables(settings),
        )
        self.endpoints = [
            Endpoint("GET", "/api/config", self.get, "Addresses and names.", ConfigAnswer)
        ]

    async def get(self, request: web.Request) -> web.Response:
        return answered(self._answer)
