"""The proxy's timeline as a sender sees it: one request, and what its answer means."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from urllib.parse import quote

import aiohttp
from livekit import api
from yarl import URL

from common.retry import DELIVER_EVENTS

logger = logging.getLogger("agent.timeline")

TOKEN_LIFE = timedelta(minutes=2)
MOST_TOKENS = 100
TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=3)
SLOW_S = 3.0  # an answer that takes longer is missing
WRONG_EVENTS = (400, 413, 422)
NOT_STORED = "STORE_UNAVAILABLE"


class DeliveryAnswer(Enum):
    """`SHOWN`: taken into the live timeline only, and to be sent again until it is `STORED`."""

    STORED = "stored"
    SHOWN = "shown"
    REFUSED = "refused"


class Away(Exception):
    """The events could not be handed over now; the text says why."""


class TimelineClient:
    """Sends batches of lines; waits for a proxy that is away, which it logs once."""

    def __init__(self, url: str, key: str, secret: str, session: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/")
        self._key, self._secret = key, secret
        self._session = session
        self._away = ""
        self._away_since: float | None = None
        self._asking: set[float] = set()  # when those requests began that have no answer yet
        self._tokens: dict[str, tuple[float, str]] = {}  # by room, each with when to renew it

    @property
    def trouble(self) -> tuple[str, float] | None:
        """Why the events cannot be handed over, and since when; None while they can."""
        if self._away_since is not None:
            return self._away, self._away_since
        first = min(self._asking, default=None)
        if first is None or time.time() - first < SLOW_S:
            return None
        return f"{self._url} does not answer", first

    async def send(self, room: str, lines: Sequence[bytes]) -> tuple[DeliveryAnswer, str]:
        """What came of it, with the proxy's words; returns only when there is an answer."""
        body = b'{"events":[' + b",".join(lines) + b"]}"
        try:
            return await self._try(room, body)
        except Away:
            retrying = DELIVER_EVENTS.retrying(lambda error: isinstance(error, Away))
            answer: tuple[DeliveryAnswer, str] = await retrying(self._try, room, body)
            return answer

    async def _try(self, room: str, body: bytes) -> tuple[DeliveryAnswer, str]:
        began = time.time()
        self._asking.add(began)
        try:
            answer = await self._post(room, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._tell(str(error) or type(error).__name__)
            raise Away from error
        except Away as away:
            self._tell(str(away))
            raise
        finally:
            self._asking.discard(began)
        if self._away:
            logger.info("the timeline at %s takes events again", self._url)
            self._away, self._away_since = "", None
        return answer

    async def _post(self, room: str, body: bytes) -> tuple[DeliveryAnswer, str]:
        url = URL(f"{self._url}/api/rooms/{quote(room, safe='')}/events", encoded=True)
        headers = {
            "Authorization": f"Bearer {self._token(room)}",
            "Content-Type": "application/json",
        }
        async with self._session.post(url, data=body, headers=headers, timeout=TIMEOUT) as response:
            reply = await response.json(content_type=None)
        reply = reply if isinstance(reply, dict) else {}
        words = f"{response.status} {reply.get('error', '')} {reply.get('message', '')}".strip()
        if response.status == 200 and reply.get("success") is True:
            return DeliveryAnswer.STORED, words
        if response.status == 503 and reply.get("error") == NOT_STORED:
            return DeliveryAnswer.SHOWN, words
        if response.status in WRONG_EVENTS:
            return DeliveryAnswer.REFUSED, words
        raise Away(f"it answered {words}")

    def _token(self, room: str) -> str:
        renew_at, token = self._tokens.get(room, (0.0, ""))
        if time.monotonic() < renew_at:
            return token
        if len(self._tokens) >= MOST_TOKENS:
            self._tokens.clear()
        token = self._new_token(room)
        self._tokens[room] = time.monotonic() + TOKEN_LIFE.total_seconds() / 2, token
        return token

    def _new_token(self, room: str) -> str:
        token = api.AccessToken(self._key, self._secret).with_identity("agent")
        token = token.with_grants(api.VideoGrants(agent=True, room=room))
        return token.with_ttl(TOKEN_LIFE).to_jwt()

    def _tell(self, why: str) -> None:
        if not self._away:
            logger.warning(
                "the timeline at %s does not take events now (%s); they are kept in "
                "AGENT_SPOOL_DIR and sent when it does",
                self._url,
                why,
            )
            self._away_since = time.time()
        self._away = why
