"""The doctor's answer as short, aligned lines. Standard library only."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from dev.doctor.examined import Examined
from dev.doctor.finding import Finding, State

SIGNS: dict[State, str] = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "skip": "-   "}
COLOURS: dict[State, str] = {"ok": "32", "warn": "33", "fail": "1;31", "skip": "2"}
WHAT_WIDTH = 28
WIDTH = 118


def lines(examined: Examined, *, colour: bool, verbose: bool) -> Iterator[str]:
    """The whole answer."""
    group = ""
    for finding in examined.findings:
        if finding.quiet and not verbose and finding.state == "ok":
            continue
        if finding.group != group:
            group = finding.group
            yield ""
            yield painted(group, "1", colour)
        yield from _finding(finding, colour)
    yield ""
    yield from _verdict(examined, colour)


def painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text


def _finding(finding: Finding, colour: bool) -> Iterator[str]:
    sign = painted(SIGNS[finding.state], COLOURS[finding.state], colour)
    took = f"  ({finding.ms:.0f} ms)" if finding.ms is not None else ""
    head = f"  {sign}  {finding.what:<{WHAT_WIDTH}}"
    yield f"{head}  {finding.detail}{took}"
    if finding.next and finding.state in ("warn", "fail"):
        yield f"{'':{WHAT_WIDTH + 10}}→ {finding.next}"


def _verdict(examined: Examined, colour: bool) -> Iterator[str]:
    verdict = examined.verdict
    if verdict is not None:
        state: State = (
            "ok" if verdict.state == "ok" else "fail" if verdict.state == "failing" else "warn"
        )
        cause = f" [{verdict.cause}]" if verdict.cause else ""
        words = f"system: {verdict.state}{cause}: {verdict.sentence}"
        yield from _wrapped(painted(words, COLOURS[state], colour))
        for evidence in verdict.evidence:
            yield from _wrapped(f"  {evidence.source}: {evidence.text}")
    count = len(examined.failed)
    if count and (verdict is None or verdict.state == "ok"):
        yield f"{count} {'check fails' if count == 1 else 'checks fail'}; see above"
    if examined.next:
        yield from _wrapped(painted(f"next: {examined.next}", "1", colour))
    yield f"({examined.seconds:.1f} s)"


def _wrapped(text: str) -> Iterable[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False) or [""]
