"""`GET /api/config`: what the page must know before it does anything. No key is in it.

The worker decides in the end how it listens in a call; here are the defaults that the page shows,
and the bounds that a dispatch is checked against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from common.settings import ENDPOINTING, LISTENING, ListeningSettings, can_listen_with
from proxy import __version__
from proxy.api.endpoint import Answer, Endpoint, answered
from proxy.api.errors import ApiError
from proxy.settings import ProxySettings

CODE = "INVALID_SETTINGS"


class Tunable(BaseModel):
    """One of these settings, as the page needs it for a field."""

    name: str
    default: float | bool = Field(description="The value of a call that says nothing of it.")
    least: float | None = Field(description="Null for one that is true or false.")
    most: float | None
    help: str


def tunables(settings: ListeningSettings) -> list[Tunable]:
    """All of them, with the values of this system as defaults."""
    return [
        Tunable(
            name=name,
            default=getattr(settings, name),
            least=_bound(name, "ge"),
            most=_bound(name, "le"),
            help=str(field.description),
        )
        for name, field in LISTENING.items()
    ]


def checked(wanted: Mapping[str, Any], settings: ListeningSettings) -> dict[str, float | bool]:
    """`wanted` if a call can have it; else `ApiError` 400 with name, value and what is allowed."""
    for name, value in wanted.items():
        if name not in LISTENING:
            known = ", ".join(LISTENING)
            raise ApiError(
                400, CODE, f"There is no setting {name[:60]!a} for a call; there are: {known}."
            )
        if not can_listen_with(name, value):
            shown = ascii(value)[:60]
            raise ApiError(
                400, CODE, f"The setting {name} is {shown}; it must be {_allowed(name)}."
            )
    least = wanted.get("endpointing_min_delay", settings.endpointing_min_delay)
    most = wanted.get("endpointing_max_delay", settings.endpointing_max_delay)
    if wanted.keys() & set(ENDPOINTING) and least > most:
        raise ApiError(
            400,
            CODE,
            f"endpointing_min_delay would be {least:g} and endpointing_max_delay {most:g}; the "
            "longer delay must be at least the shorter one.",
        )
    return dict(wanted)


def _allowed(name: str) -> str:
    if LISTENING[name].annotation in (bool, "bool"):
        return "true or false"
    return f"a number from {_bound(name, 'ge'):g} to {_bound(name, 'le'):g}"


def _bound(name: str, side: str) -> float | None:
    """The least (ge) or greatest (le) value that is allowed; None for one that has no such."""
    for constraint in LISTENING[name].metadata:
        if (bound := getattr(constraint, side, None)) is not None:
            return float(bound)
    return None


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
