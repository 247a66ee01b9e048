"""One request of the table: what is asked, what should come of it, and what did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dev.deployment.client import LIMIT_S, Client, NoAnswer, Reply
from dev.deployment.row import Row

Check = Callable[[Reply], str]
"""What is wrong with an answer of the right status; empty when nothing is."""


def _fine(_: Reply) -> str:
    return ""


@dataclass(frozen=True)
class Try:
    """One request. `path` is what is asked; `of` the endpoint as the OpenAPI document writes it."""

    of: str
    path: str
    status: int
    code: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    check: Check = _fine
    note: str = ""
    limit: float = LIMIT_S
    first: bytes = b""

    @property
    def method(self) -> str:
        return self.of.partition(" ")[0]

    @property
    def expected(self) -> str:
        told = f"{self.status} {self.code}".strip()
        return f"{told} ({self.note})" if self.note else told

    async def run(self, client: Client) -> Row:
        name = f"{self.method} {self.path}"
        try:
            reply = await client.ask(
                self.method,
                self.path,
                body=self.body,
                headers=self.headers,
                limit=self.limit,
                first=self.first,
            )
        except NoAnswer as error:
            return Row(name, self.expected, str(error), False)
        if reply.told.split() != f"{self.status} {self.code}".split():
            said = reply.json.get("message", "") if isinstance(reply.json, dict) else ""
            return Row(name, self.expected, f"{reply.told} {said}".strip(), False, reply.ms)
        if wrong := self.check(reply):
            return Row(name, self.expected, f"{reply.told}, but {wrong}", False, reply.ms)
        return Row(name, self.expected, reply.told, True, reply.ms)
