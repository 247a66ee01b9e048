"""`POST /api/token`: a caller's way into one room, good for minutes."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

from aiohttp import web
from livekit import api
from pydantic import BaseModel, Field

from common import logs
from proxy.api.endpoint import Answer, Endpoint, Name, RoomName, answered, read_json
from proxy.api.errors import ApiError
from proxy.clients.sfu import credentials_missing
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline

TOKEN_TTL_S = 600
AGENT_PREFIX = "agent-"
"""How LiveKit names agents; a caller of that name would throw the agent out of the room."""


class TokenRequest(BaseModel):
    """Which room, and who."""

    room: RoomName
    identity: Name | None = Field(default=None, description="caller-xxxxxxxx if absent.")
    name: Name | None = Field(default=None, description="How the caller is shown to others.")


class TokenAnswer(Answer):
    """A token for `room`, to be used at `url` before `expires_at` (seconds since the epoch)."""

    token: str
    url: str
    room: str
    identity: str
    expires_at: float


def caller_token(settings: ProxySettings, room: str, identity: str, name: str | None = None) -> str:
    """A token that lets `identity` join `room`, speak, listen and send data, and nothing else."""
    if settings.livekit_credentials is None:
        raise credentials_missing(settings.livekit_url)
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=True,
        can_publish_data=True,
        can_subscribe=True,
        can_update_own_metadata=False,
    )
    token = (
        api.AccessToken(*settings.livekit_credentials)
        .with_identity(identity)
        .with_grants(grants)
        .with_ttl(timedelta(seconds=TOKEN_TTL_S))
    )
    return token.with_name(name or identity).to_jwt()


class Tokens:
    """Handler of the route."""

    def __init__(self, settings: ProxySettings, timeline: Timeline) -> None:
        self._settings = settings
        self._timeline = timeline
        self.endpoints = [
            Endpoint(
                "POST",
                "/api/token",
                self.create,
                "A token for one room and one identity, valid for ten minutes.",
                TokenAnswer,
                body=TokenRequest,
                failures={503: "The proxy has no key and secret of the LiveKit server."},
            )
        ]

    async def create(self, request: web.Request) -> web.Response:
        wanted = await read_json(request, TokenRequest)
        logs.about(wanted.room)
        try:
            answer = self._answer(wanted)
        except ApiError as error:
            refused = {"code": error.code, "message": error.message}
            self._timeline.note(wanted.room, "token", "refused", refused)
            raise
        issued = {"identity": answer.identity, "expires_at": answer.expires_at}
        self._timeline.note(wanted.room, "token", "issued", issued)
        return answered(answer)

    def _answer(self, wanted: TokenRequest) -> TokenAnswer:
        identity = wanted.identity or f"caller-{secrets.token_hex(4)}"
        if identity.startswith(AGENT_PREFIX):
            raise ApiError(
                400,
                "INVALID_REQUEST",
                f"'identity' is {identity!r}: names that begin with {AGENT_PREFIX!r} belong to "
                "agents.",
            )
        return TokenAnswer(
            token=caller_token(self._settings, wanted.room, identity, wanted.name),
            url=self._settings.livekit_url,
            room=wanted.room,
            identity=identity,
            expires_at=float(int(time.time()) + TOKEN_TTL_S),
        )
