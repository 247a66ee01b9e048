"""One fault on its way: it breaks something, a verdict names it, the next step clears it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil

from tests.faults.table import Row

NAMED_WITHIN_S = 5.0
BUSY_PERCENT, BUSY_WITHIN_S = 90.0, 20.0
"""A machine that was so busy while a verdict was due has this long instead."""
CLEARED_WITHIN_S = 30.0
"""Some next steps start a process again."""
ASKED_EVERY_S = 0.1

Verdict = dict[str, Any]
Ask = Callable[[], dict[str, Any]]
"""Answers with the body of `GET …/verdicts`."""


def of_room(proxy_url: str, room: str) -> Ask:
    """Ask the proxy for the verdicts of a room."""
    return lambda: answer_of(f"{proxy_url}/api/rooms/{room}/verdicts")


def of_system(proxy_url: str) -> Ask:
    """Ask the proxy for the verdict of the system, without a call."""
    return lambda: answer_of(f"{proxy_url}/api/verdicts")


def answer_of(url: str) -> dict[str, Any]:
    """The JSON at an address of the proxy."""
    answer = httpx.get(url, timeout=5)
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 200, f"{url}: {answer.status_code} {body}"
    return body


def until_well(ask: Ask, *, within_s: float = CLEARED_WITHIN_S) -> None:
    """Return when the system is well: what is then found wrong is the fault's."""
    began = time.monotonic()
    while (answer := ask())["failing"] is not None or _verdict(answer, "system")["state"] != "ok":
        assert time.monotonic() - began < within_s, f"not well without a fault: {_brief(answer)}"
        time.sleep(ASKED_EVERY_S)


class Fault:
    """A row of the table in the making."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self._symptom_at = time.monotonic()

    def breaks(self) -> None:
        """The symptom is there from now on; the seconds to the verdict count from here."""
        self._symptom_at = time.monotonic()

    def named(
        self, ask: Ask, *, state: str = "failing", within_s: float = NAMED_WITHIN_S
    ) -> Verdict:
        """The verdict of the stage, as soon as it names the cause; AssertionError when it is late.

        Until then no other stage may be called failing in its place. On a machine without a free
        core it may take longer, which the table marks.
        """
        answer: dict[str, Any] = {}
        psutil.cpu_percent()
        busy = False
        while time.monotonic() - self._symptom_at < (BUSY_WITHIN_S if busy else within_s):
            answer = ask()
            verdict = _verdict(answer, self.row.stage)
            if verdict["state"] == state and verdict["cause"] == self.row.cause:
                self.row.busy = busy
                self.row.seconds = time.monotonic() - self._symptom_at
                self.row.verdict = verdict["sentence"]
                self._is_useful(verdict, answer)
                return verdict
            time.sleep(ASKED_EVERY_S)
            if not busy and time.monotonic() - self._symptom_at >= within_s:
                busy = psutil.cpu_percent() >= BUSY_PERCENT
        raise AssertionError(
            f"{self.row.stage}/{self.row.cause} ({state}) was not named within {within_s:g} s; "
            f"the verdicts were {_brief(answer)}"
        )

    def cleared(self, ask: Ask, *, within_s: float = CLEARED_WITHIN_S) -> None:
        """No stage fails any more, and the stage no longer has this cause."""
        began = time.monotonic()
        self.row.cleared = False
        answer: dict[str, Any] = {}
        while time.monotonic() - began < within_s:
            answer = ask()
            if (
                answer["failing"] is None
                and _verdict(answer, self.row.stage)["cause"] != self.row.cause
            ):
                self.row.cleared = True
                return
            time.sleep(ASKED_EVERY_S)
        raise AssertionError(
            f"{self.row.stage}/{self.row.cause} was not cleared within {within_s:g} s of its next "
            f"step; the verdicts are {_brief(answer)}"
        )

    def _is_useful(self, verdict: Verdict, answer: dict[str, Any]) -> None:
        """A verdict says what happened, by what it is proven, and what to do; it is the only one
        that fails."""
        assert verdict["sentence"].strip(), verdict
        assert verdict["evidence"], f"no evidence: {verdict}"
        if verdict["state"] == "failing":
            assert verdict["next"].strip(), f"no next step: {verdict}"
            failing = [each["stage"] for each in answer["verdicts"] if each["state"] == "failing"]
            assert failing == [self.row.stage], f"these are called failing: {failing}"


def _verdict(answer: dict[str, Any], stage: str) -> Verdict:
    found: Verdict = next(each for each in answer["verdicts"] if each["stage"] == stage)
    return found


def _brief(answer: dict[str, Any]) -> str:
    """What is not simply well, in short."""
    told = [
        {name: each[name] for name in ("stage", "state", "cause", "sentence", "next")}
        for each in answer.get("verdicts", [])
        if each["state"] in ("failing", "waiting") or each["cause"]
    ]
    return json.dumps(told or answer, indent=1, ensure_ascii=False)[:4000]
