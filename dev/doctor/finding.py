"""What one check found: a line of the doctor's answer. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from common.redaction import Redactor

State = Literal["ok", "warn", "fail", "skip"]
Group = Literal[
    "versions",
    "settings",
    "ports",
    "processes",
    "network",
    "credentials",
    "models",
    "worker",
    "calls",
    "machine",
]
GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True)
class Finding:
    """`what` was looked at, how it stands, and when it is not well what to do next.

    `skip` is what could not be looked at, because something else is wrong or not wanted; `detail`
    then says why. `quiet` lines are shown with --verbose only.
    """

    group: Group
    what: str
    state: State
    detail: str = ""
    next: str = ""
    ms: float | None = None
    quiet: bool = False

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        del told["quiet"]
        return told


def redacted(findings: Iterable[Finding], redactor: Redactor) -> list[Finding]:
    """The findings as they may be shown."""
    return [
        replace(finding, detail=redactor.text(finding.detail), next=redactor.text(finding.next))
        for finding in findings
    ]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By group; within one as they came."""
    return sorted(findings, key=lambda finding: GROUPS.index(finding.group))
