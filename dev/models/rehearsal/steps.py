"""What the partner can do next: say something, or call one of the tools on offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Say:
    """Words for the person."""

    text: str


@dataclass(frozen=True)
class Use:
    """A call of one of the offered tools."""

    tool: str
    arguments: dict[str, Any]


Step = Say | Use
