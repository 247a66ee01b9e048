"""The doctor's answer: what was found and the verdict, as lines for people, as JSON, and as the zip
of `--bundle`. Standard library only."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from common.probe import Finding, State
from common.redaction import Redactor

GROUPS = (
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
    "follows",
)
FOLLOWS = GROUPS[-1]
"""What is wrong only since something else is (consequences.py)."""
TITLES = {FOLLOWS: "what follows from it"}
SIGNS: dict[State, str] = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "skip": "-   "}
COLOURS: dict[State, str] = {"ok": "32", "warn": "33", "fail": "1;31", "skip": "2"}
WHAT_WIDTH = 28
WIDTH = 118


@dataclass(frozen=True)
class Report:
    """What was found, and the verdict.

    `verdict` is that of the stage `system` as the API gives it: `state`, `sentence`, `cause`,
    `next`, `evidence`; None when there was no time to collect what it is made of. `next` is the one
    thing to do first, empty when all is well. `seconds` is how long the look took.
    """

    findings: list[Finding]
    verdict: Mapping[str, Any] | None
    next: str
    seconds: float

    @property
    def well(self) -> bool:
        return not self.failed and self.verdict is not None and self.verdict["state"] == "ok"

    @property
    def failed(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.state == "fail"]

    def as_json(self) -> dict[str, Any]:
        return {
            "well": self.well,
            "seconds": self.seconds,
            "verdict": self.verdict,
            "next": self.next,
            "findings": [_as_json(finding) for finding in self.findings],
        }


def _as_json(finding: Finding) -> dict[str, Any]:
    fields = asdict(finding)
    return {name: fields[name] for name in ("group", "what", "state", "detail", "next", "ms")}


def redacted(findings: Iterable[Finding], redactor: Redactor) -> list[Finding]:
    """The findings as they may be shown, by group; within one as they came."""
    shown = [
        replace(finding, detail=redactor.text(finding.detail), next=redactor.text(finding.next))
        for finding in findings
    ]
    return sorted(shown, key=lambda finding: GROUPS.index(finding.group))


def show(options: argparse.Namespace, report: Report) -> None:
    """Print the answer as the options want it."""
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
        return
    for line in lines(report, colour=sys.stdout.isatty(), verbose=options.verbose):
        print(line)


def lines(report: Report, *, colour: bool, verbose: bool) -> Iterator[str]:
    """The whole answer as short, aligned lines."""
    group = ""
    for finding in report.findings:
        if finding.quiet and not verbose and finding.state == "ok":
            continue
        if finding.group != group:
            group = finding.group
            yield ""
            yield _painted(TITLES.get(group, group), "1", colour)
        yield from _finding_lines(finding, colour)
    yield ""
    yield from _verdict_lines(report, colour)


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text


def _finding_lines(finding: Finding, colour: bool) -> Iterator[str]:
    sign = _painted(SIGNS[finding.state], COLOURS[finding.state], colour)
    took = f"  ({finding.ms:.0f} ms)" if finding.ms is not None else ""
    head = f"  {sign}  {finding.what:<{WHAT_WIDTH}}"
    yield f"{head}  {finding.detail}{took}"
    if finding.next and finding.state in ("warn", "fail"):
        yield f"{'':{WHAT_WIDTH + 10}}→ {finding.next}"


def _verdict_lines(report: Report, colour: bool) -> Iterator[str]:
    verdict = report.verdict
    if verdict is not None:
        state: State = {"ok": "ok", "failing": "fail"}.get(verdict["state"], "warn")  # type: ignore[assignment]
        cause = f" [{verdict['cause']}]" if verdict["cause"] else ""
        words = f"system: {verdict['state']}{cause}: {verdict['sentence']}"
        yield from _wrapped(_painted(words, COLOURS[state], colour))
        for evidence in verdict["evidence"]:
            yield from _wrapped(f"  {evidence['source']}: {evidence['text']}")
    count = len(report.failed)
    if count and (verdict is None or verdict["state"] == "ok"):
        yield f"{count} {'check fails' if count == 1 else 'checks fail'}; see above"
    if report.next:
        yield from _wrapped(_painted(f"next: {report.next}", "1", colour))
    yield f"({report.seconds:.1f} s)"


def _wrapped(text: str) -> Iterable[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False) or [""]


def write_bundle(
    options: argparse.Namespace,
    report: Report,
    redactor: Redactor,
    home: Path,
    *,
    settings: Mapping[str, Any],
    calls: Sequence[Mapping[str, Any]],
    trouble: str,
) -> bool:
    """Write the file that the options name: this answer and what else helps to find a fault,
    without secrets. Whether that worked."""
    try:
        from proxy.bundle.archive import Archive
    except Exception as error:  # a file of the proxy that is broken: the report has been shown
        print(f"{options.bundle} cannot be made: {error}", file=sys.stderr)
        return False
    archive = Archive(redactor, transcripts=options.transcripts)
    archive.add_calls(calls, trouble)
    archive.add_text("doctor.txt", "\n".join([*lines(report, colour=False, verbose=True), ""]))
    archive.add_json("doctor.json", report.as_json())
    archive.add_json("settings.json", settings)
    archive.add_home(home / "logs", home / "run")
    verdict = report.verdict
    sentence = ""
    if verdict is not None:
        sentence = f"{verdict['state']}: {verdict['sentence']} {verdict['next']}"
    data = archive.bytes("./scripts/doctor --bundle", sentence)
    try:
        only_mine = os.open(options.bundle, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(only_mine, "wb") as file:
            file.write(data)
    except OSError as error:
        print(f"{options.bundle} cannot be written: {error.strerror}", file=sys.stderr)
        return False
    print(
        f"bundle: {options.bundle} ({len(data) // 1024} kB). Fill in REPORT.md in it, and look "
        "through it before you give it away.",
        file=sys.stderr,
    )
    return True
