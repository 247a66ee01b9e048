"""The doctor's answer. Standard library only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dev.doctor.finding import Finding
from proxy.verdicts.verdict import Verdict


@dataclass(frozen=True)
class Examined:
    """What was found, and the verdict. `next` is the one thing to do first; empty when all is
    well."""

    findings: list[Finding]
    verdict: Verdict | None
    """Of the stage `system`; None when there was no time to collect what it is made of."""
    next: str
    seconds: float

    @property
    def well(self) -> bool:
        return not self.failed and self.verdict is not None and self.verdict.state == "ok"

    @property
    def failed(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.state == "fail"]

    def as_json(self) -> dict[str, Any]:
        return {
            "well": self.well,
            "seconds": self.seconds,
            "verdict": asdict(self.verdict) if self.verdict is not None else None,
            "next": self.next,
            "findings": [finding.as_json() for finding in self.findings],
        }
