"""The zip itself: nothing gets into it but through the redactor. Standard library only."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.redaction import Redactor
from proxy.bundle.form import form
from proxy.bundle.logs import last_lines
from proxy.bundle.words import Words

STATUS_MAX = 64 * 1024
EVENTS_MAX = 5000
"""Events of one call; the last ones are kept."""
Call = Mapping[str, Any]
"""`{"call": …, "events": […], "verdicts": […]}` as `/api/calls/{id}` answers it."""


class Archive:
    """Collects files; `bytes` is the zip. Without `transcripts` no word of a call is in it."""

    def __init__(self, redactor: Redactor, *, transcripts: bool) -> None:
        self._redactor = redactor
        self._transcripts = transcripts
        self._words = None if transcripts else Words()
        self._files: dict[str, str] = {}

    def add_calls(self, calls: Sequence[Call], trouble: str = "") -> None:
        """The timelines; to be added before all else, since they tell which words to leave out."""
        for number, call in enumerate(calls, 1):
            events = list(call["events"])
            kept = events[-EVENTS_MAX:]
            if self._words is not None:
                kept = [self._words.event(event) for event in kept]
            told = {"call": call["call"], "verdicts": call["verdicts"], "events": kept}
            if len(kept) < len(events):
                told["cut"] = f"{len(events) - len(kept)} earlier events are left out"
            room = re.sub(r"[^\w-]+", "-", str(call["call"]["room"]))[:40]
            self.add_json(f"calls/{number}-{room}.json", told)
        if trouble or not calls:
            self.add_text("calls/README.txt", f"{trouble or 'No calls are kept.'}\n")

    def add_home(self, logs: Path, status: Path) -> None:
        """The last lines of the logs, and what the launchers say of the processes."""
        for name, text in last_lines(logs):
            self.add_text(f"logs/{name}", text)
        for path in sorted(status.glob("*.json")) if status.is_dir() else ():
            try:
                told = json.loads(path.read_bytes()[:STATUS_MAX])
            except (OSError, ValueError) as error:
                told = {"unreadable": str(error)}
            self.add_json(f"processes/{path.name}", told)

    def add_json(self, name: str, value: Any) -> None:
        """JSON; its texts are redacted one by one, so that it stays JSON."""
        told = self._said(self._redactor.data(json.loads(json.dumps(value, default=str))))
        self._files[self._redactor.text(name)] = json.dumps(told, indent=1, ensure_ascii=False)

    def add_text(self, name: str, text: str) -> None:
        text = self._redactor.text(text)
        if self._words is not None:
            text = self._words.text(text)
        self._files[self._redactor.text(name)] = text

    def bytes(self, maker: str, sentence: str) -> bytes:
        """The zip, with a form that lists what is in it."""
        names = list(self._files)
        self.add_text("REPORT.md", form(maker, sentence, names, transcripts=self._transcripts))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for name in ("REPORT.md", *names):
                file.writestr(f"voice-report/{name}", self._files[name])
        return buffer.getvalue()

    def _said(self, value: Any) -> Any:
        """A value of JSON without the words of calls."""
        if self._words is None:
            return value
        match value:
            case str():
                return self._words.text(value)
            case dict():
                return {name: self._said(each) for name, each in value.items()}
            case list():
                return [self._said(each) for each in value]
            case _:
                return value
