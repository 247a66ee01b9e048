"""Who may post events: whoever has a token that is signed with the LiveKit key and secret."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from livekit import api

from common.events import Source
from proxy.api.endpoint import ANY_ROOM
from proxy.api.errors import ApiError
from proxy.clients.sfu import credentials_missing
from proxy.settings import ProxySettings

PAGE_LEEWAY_S = 24 * 3600.0
"""A page must be able to report that its token has expired."""
AGENT_LEEWAY_S = 60.0
AGENT = "agent"
TOKEN_MAX = 4096


@dataclass(frozen=True)
class Reporter:
    """Who posts events, and the room it may report of (`*`: of any)."""

    source: Source
    room: str
    identity: str = ""
    issued: float = 0.0
    """When a page's token was issued, in seconds since the epoch."""

    def covers(self, room: str) -> bool:
        return self.room in (room, ANY_ROOM)


class TokenForOtherRoom(ApiError):
    """A caller's token is good, but for another room than the one that is reported of."""

    def __init__(self, refusal: ApiError, reporter: Reporter, token: str) -> None:
        super().__init__(refusal.status, refusal.code, refusal.message)
        self.room = reporter.room[:128]
        self.identity = reporter.identity[:128]
        self.key = f"other-room-{hashlib.sha256(token.encode()).hexdigest()[:24]}"
        """The same for each report with this token."""


class EventAuth:
    """Checks the header `Authorization: Bearer TOKEN`."""

    def __init__(self, settings: ProxySettings) -> None:
        self._url = settings.livekit_url
        self._verifier: api.TokenVerifier | None = None
        if settings.livekit_credentials is not None:
            leeway = timedelta(seconds=PAGE_LEEWAY_S)
            self._verifier = api.TokenVerifier(*settings.livekit_credentials, leeway=leeway)

    def check(self, authorization: str, room: str) -> Reporter:
        """Who sends this header; `ApiError` 401 when it gives no right to report of `room`."""
        if self._verifier is None:
            raise credentials_missing(self._url)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_MAX:
            raise _not_yours("send the LiveKit token of this room as 'Authorization: Bearer TOKEN'")
        try:
            claims = self._verifier.verify(token.strip())
        except Exception as error:
            # The library raises whatever it meets in a token that somebody made up.
            raise _not_yours(f"the token is not valid ({str(error)[:200]})") from None
        video = claims.video or api.VideoGrants()
        times = _times(token.strip())
        for_room = str(video.room or "")
        if video.agent and claims.identity == AGENT:
            reporter = Reporter("agent", for_room)
            if times.get("exp", 0.0) + AGENT_LEEWAY_S < time.time():
                raise _not_yours("the token has expired")
        elif video.room_join and not video.agent and for_room != ANY_ROOM:
            reporter = Reporter("browser", for_room, claims.identity, times.get("nbf", 0.0))
        else:
            raise _not_yours("the token is neither a caller's for one room nor the agent's")
        if not reporter.covers(room):
            refusal = _not_yours(f"the token is for room {for_room[:128]!r}, not {room!r}")
            if reporter.source == "browser":
                raise TokenForOtherRoom(refusal, reporter, token)
            raise refusal
        return reporter


def _times(token: str) -> dict[str, float]:
    """The times in a token whose signature has been checked."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return {name: float(claims[name]) for name in ("exp", "nbf") if name in claims}


def _not_yours(reason: str) -> ApiError:
    return ApiError(
        401,
        "EVENTS_NOT_YOURS",
        f"These events are not taken: {reason}. A page uses the token that POST /api/token gave "
        "it; an agent one signed with LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
    )
