"""The two workers that are compared, and how a caller reaches each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dev.caller import Access, Caller, ProxyAccess, ServerAccess
from dev.caller.voice import Voice

OURS, STOCK = "ours", "stock"


@dataclass(frozen=True)
class Subject:
    """Ours is reached through the proxy; stock, which no proxy knows, at the server."""

    name: str
    proxy_url: str = ""
    livekit_url: str = ""
    api_key: str = ""
    api_secret: str = ""
    agent_name: str = ""

    def access(self) -> Access:
        if self.proxy_url:
            return ProxyAccess(self.proxy_url)
        return ServerAccess(self.livekit_url, self.api_key, self.api_secret, self.agent_name)

    def caller(self, voice: Voice) -> Caller:
        return Caller(self.access(), voice=voice, record=False)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
