"""The two workers that are compared, how a caller reaches each, and what callers say to them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dev.caller import Access, Caller, ProxyAccess, ServerAccess
from dev.caller.sound import CallerVoice

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

    def caller(self, voice: CallerVoice) -> Caller:
        return Caller(self.access(), voice=voice, record=False)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


SENTENCES = (
    "hello there",
    "my favorite color is green",
    "what is my favorite color",
    "i live in a small town near the sea",
    "what do you know about me",
    "yes",
    "please remember that my sister is called anna",
    "tell me something about the weather in winter",
    "i would like to go for a long walk tomorrow morning, if it does not rain",
    "how are you today",
    "the train to the city leaves at nine and comes back at five",
    "can you help me to plan a dinner for six people",
    "no, i meant the other one",
    "what did i say about my sister",
    "thank you very much",
    "my dog is old, but he still likes to run in the garden",
    "where do i live",
    "i work as a teacher in a school for young children",
    "that is good to hear",
    "good bye and see you again next week",
)
