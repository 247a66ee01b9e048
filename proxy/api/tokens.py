"""`POST /api/token`: a caller's way into one room, good for minutes.

It is LiveKit's standard token endpoint (`TokenSource.endpoint` of its client SDKs), which sends
`room_name`, `participant_…` and `room_config` and reads `server_url` and `participant_token`; the
short form (`room`, `identity`, `name`; `url`, `token`) is this system's own.
"""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

from aiohttp import web
from livekit import api
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from common import logs
from proxy.api.endpoint import Answer, Endpoint, Name, RoomName, answered, read_json
from proxy.api.errors import ApiError
from proxy.clients.sfu import credentials_missing
from proxy.settings import ProxySettings
from proxy.timeline.timeline import Timeline

TOKEN_TTL_S = 600
METADATA_MAX, ATTRIBUTES_MAX, AGENTS_MAX = 8192, 64, 8
CAMEL_TOO = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
"""As protobuf has it in JSON: both forms of a name are read."""
CALLER = "voice.caller"
"""Attribute by which our worker knows a caller from a bot that has come with a token of its own
(agent/job/room_exit.py)."""
AGENT_PREFIX = "agent-"
"""How LiveKit names agents; a caller of that name would throw the agent out of the room."""


class AgentWish(BaseModel):
    """An agent that the LiveKit server sends into the room when it is made."""

    model_config = CAMEL_TOO

    agent_name: Name
    metadata: str = Field(default="", max_length=METADATA_MAX)


class RoomConfig(BaseModel):
    """Of LiveKit's RoomConfiguration what a caller may ask for."""

    model_config = CAMEL_TOO

    name: RoomName | None = None
    agents: list[AgentWish] = Field(default=[], max_length=AGENTS_MAX)


class TokenRequest(BaseModel):
    """Which room, and who; all of it may be left out, and is made up then."""

    room: RoomName | None = Field(default=None, description="room-xxxxxxxx if absent.")
    identity: Name | None = Field(default=None, description="caller-xxxxxxxx if absent.")
    name: Name | None = Field(default=None, description="How the caller is shown to others.")
    room_name: RoomName | None = Field(default=None, description="The same as room.")
    participant_identity: Name | None = Field(default=None, description="The same as identity.")
    participant_name: Name | None = Field(default=None, description="The same as name.")
    participant_metadata: str = Field(default="", max_length=METADATA_MAX)
    participant_attributes: dict[Name, str] = Field(default={}, max_length=ATTRIBUTES_MAX)
    room_config: RoomConfig | None = None


class TokenAnswer(Answer):
    """A token for `room`, to be used at `url` before `expires_at` (seconds since the epoch)."""

    token: str
    url: str
    room: str
    identity: str
    expires_at: float
    server_url: str = Field(description="The same as url.")
    participant_token: str = Field(description="The same as token.")


def caller_token(
    settings: ProxySettings, room: str, identity: str, wanted: TokenRequest | None = None
) -> str:
    """A token that lets `identity` join `room`, speak, listen and send data, and nothing else; how
    it is shown, and which agents are sent into a room that it makes, is as `wanted`."""
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
    if wanted is None:
        return token.with_name(identity).with_attributes({CALLER: "true"}).to_jwt()
    token = token.with_name(wanted.name or wanted.participant_name or identity)
    if wanted.participant_metadata:
        token = token.with_metadata(wanted.participant_metadata)
    token = token.with_attributes({**wanted.participant_attributes, CALLER: "true"})
    if wanted.room_config is not None and wanted.room_config.agents:
        agents = [
            api.RoomAgentDispatch(agent_name=one.agent_name, metadata=one.metadata)
            for one in wanted.room_config.agents
        ]
        token = token.with_room_config(api.RoomConfiguration(agents=agents))
    return token.to_jwt()


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
        in_config = wanted.room_config.name if wanted.room_config is not None else None
        named = _the_one("room", wanted.room, wanted.room_name, in_config)
        room = named or f"room-{secrets.token_hex(4)}"
        logs.about(room)
        try:
            answer = self._answer(room, wanted)
        except ApiError as error:
            refused = {"code": error.code, "message": error.message}
            if named is not None:  # in a room that was only made up nobody waits
                self._timeline.note(room, "token", "refused", refused)
            raise
        issued = {"identity": answer.identity, "expires_at": answer.expires_at}
        self._timeline.note(room, "token", "issued", issued)
        return answered(answer)

    def _answer(self, room: str, wanted: TokenRequest) -> TokenAnswer:
        identity = _the_one("identity", wanted.identity, wanted.participant_identity)
        identity = identity or f"caller-{secrets.token_hex(4)}"
        if identity.startswith(AGENT_PREFIX):
            raise ApiError(
                400,
                "INVALID_REQUEST",
                f"'identity' is {identity!r}: names that begin with {AGENT_PREFIX!r} belong to "
                "agents.",
            )
        if owned := [name for name in wanted.participant_attributes if name.startswith("lk.")]:
            raise ApiError(
                400,
                "INVALID_REQUEST",
                f"'participant_attributes' has {owned[0]!r}: attributes that begin with 'lk.' are "
                "LiveKit's own, as an agent's state is.",
            )
        token = caller_token(self._settings, room, identity, wanted)
        return TokenAnswer(
            token=token,
            url=self._settings.livekit_url,
            room=room,
            identity=identity,
            expires_at=float(int(time.time()) + TOKEN_TTL_S),
            server_url=self._settings.livekit_url,
            participant_token=token,
        )


def _the_one(what: str, *given: str | None) -> str | None:
    """What is given, perhaps in both forms; None when it is left out."""
    different = {one for one in given if one is not None}
    if len(different) > 1:
        raise ApiError(
            400,
            "INVALID_REQUEST",
            f"The {what} is given more than once, differently: "
            f"{', '.join(map(repr, sorted(different)))}.",
        )
    return different.pop() if different else None
