"""What is known of one stage: how it goes on when all is well, and each cause it can fail by.

A stage's file makes one `Rules` and hangs functions on it: one `@stage.progress`, and a
`@stage.cause("code")` for each cause. README.md tells how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from common.events import Event, Stage
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.verdict import UNKNOWN, Evidence, State, Verdict

Rule = Callable[[CallView], Verdict | None]
Quoted = Event | Evidence | None


END = (".", "!", "?", "…", "”", ".)")


class Late(Verdict):
    """A failure that nothing proves but the time it takes: the machine may be to blame."""


class Rules:
    """One stage.

    `works` are the events that prove that it works (again). `log` is the process whose log has
    more. An error that is `explained_elsewhere` is another stage's to tell.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        usual_ms: float | None = None,
        works: tuple[str, ...] = (),
        log: str = "agent",
        explained_elsewhere: Callable[[CallView, Event], bool] = lambda call, event: False,
    ) -> None:
        self.stage = stage
        self.usual_ms = usual_ms
        self.works = works
        self.causes: dict[str, Rule] = {}
        self._explained_elsewhere = explained_elsewhere
        self._log = log
        self._progress: Callable[[CallView], Verdict] = lambda _: self.not_reached()

    def cause(self, code: str) -> Callable[[Rule], Rule]:
        """Register a cause. The first one that returns a failing verdict is the stage's."""

        def register(rule: Rule) -> Rule:
            if code in self.causes:
                raise ValueError(f"{self.stage} has two rules for the cause {code}")
            self.causes[code] = rule
            return rule

        return register

    def event_cause(
        self,
        code: str,
        topic: str,
        sentence: str | Callable[[Event], str],
        step: str,
        /,
        **data: Any,
    ) -> None:
        """Register a failure that one event with such `data` tells, unless it has worked since.

        `sentence` may be made of the event; what the event names as `next` comes before `step`.
        """

        @self.cause(code)
        def told_by_event(call: CallView) -> Verdict | None:
            event = self.unresolved(call, topic, **data)
            if event is None:
                return None
            words = sentence if isinstance(sentence, str) else sentence(event)
            return self.failing(words, str(event.data.get("next") or step), event, since=event.at)

    def progress(self, rule: Callable[[CallView], Verdict]) -> Callable[[CallView], Verdict]:
        """Register how the stage goes on when no cause applies."""
        self._progress = rule
        return rule

    def judge(self, call: CallView) -> Verdict:
        note: Verdict | None = None
        for code, rule in self.causes.items():
            verdict = rule(call)
            if verdict is None:
                continue
            verdict = replace(verdict, cause=code, usual_ms=self.usual_ms)
            if verdict.state == "failing":
                return verdict
            note = note or verdict
        error = self.unresolved(call, f"{self.stage}.failed", f"{self.stage}.error")
        if error is not None and not self._is_known(error, note, call):
            return self.unknown(error)
        progress = self._progress(call)
        # That it works worse than it could is worth saying only where it works.
        if note is None or progress.state == "failing":
            return progress
        if note.state == "ok" and progress.state != "ok":
            return progress
        return replace(note, ms=progress.ms)

    def _is_known(self, error: Event, note: Verdict | None, call: CallView) -> bool:
        """Whether a rule of this stage, or another stage, tells of this event."""
        noted = note is not None and quote.event(error) in note.evidence
        return noted or self._explained_elsewhere(call, error)

    def unresolved(self, call: CallView, *topics: str, **data: Any) -> Event | None:
        """The last of these events, unless the stage has worked since."""
        latest = call.last(*topics, **data)
        if latest is None or (self.works and call.after(latest, *self.works) is not None):
            return None
        return latest

    def failing(
        self,
        sentence: str,
        next: str,
        *evidence: Quoted | Iterable[Evidence],
        since: float | None = None,
    ) -> Verdict:
        return self._verdict("failing", sentence, next, evidence, since)

    def late(
        self,
        sentence: str,
        next: str,
        *evidence: Quoted | Iterable[Evidence],
        since: float | None = None,
    ) -> Verdict:
        """Failing because it takes too long."""
        verdict = self._verdict("failing", sentence, next, evidence, since)
        return Late(**vars(verdict))

    def waiting(
        self,
        sentence: str,
        *evidence: Quoted | Iterable[Evidence],
        next: str = "",
        since: float | None = None,
    ) -> Verdict:
        return self._verdict("waiting", sentence, next, evidence, since)

    def ok(
        self,
        sentence: str,
        *evidence: Quoted | Iterable[Evidence],
        ms: object = None,
        next: str = "",
        since: float | None = None,
    ) -> Verdict:
        verdict = self._verdict("ok", sentence, next, evidence, since)
        return replace(verdict, ms=float(ms)) if isinstance(ms, int | float) else verdict

    def not_reached(self, sentence: str = "Not reached yet.") -> Verdict:
        return Verdict(self.stage, "not reached", sentence, usual_ms=self.usual_ms)

    def unknown(self, *events: Event, sentence: str = "") -> Verdict:
        """A failure that no rule knows: its evidence, and where to look."""
        last = events[-1]
        text = quote.data_text(last)
        what = sentence or f"{last.topic} was reported" + (f": {text}" if text else "") + "."
        own = str(last.data.get("next") or last.data.get("next_step") or "")
        look = f"Look at the log: ./restart_voice_system.sh logs {self._log}"
        return replace(
            self.failing(f"{what} The cause is not known.", own or look, *events, since=last.at),
            cause=UNKNOWN,
        )

    def in_time(self, call: CallView, since: Event, limit: float, doing: str, next: str) -> Verdict:
        """Waiting for what should come after `since`; failing, cause not known, after `limit`."""
        age = call.age(since)
        if age < limit:
            return self.waiting(f"{doing}{self.usually()}", since, since=since.at)
        sentence = f"{doing.rstrip('.')} for {age:.1f} s{self.usually()}. The cause is not known."
        return replace(self.late(sentence, next, since, since=since.at), cause=UNKNOWN)

    def usually(self) -> str:
        return f" (usually {seconds(self.usual_ms)})" if self.usual_ms is not None else ""

    def _verdict(
        self,
        state: State,
        sentence: str,
        next: str,
        evidence: tuple[Quoted | Iterable[Evidence], ...],
        since: float | None,
    ) -> Verdict:
        return Verdict(
            self.stage,
            state,
            sentence if sentence.endswith(END) else f"{sentence}.",
            next=next,
            evidence=tuple(_quoted(evidence)),
            since=since,
            usual_ms=self.usual_ms,
        )


def _quoted(evidence: Iterable[Quoted | Iterable[Evidence]]) -> Iterable[Evidence]:
    for quoted in evidence:
        if quoted is None:
            continue
        if isinstance(quoted, Event):
            yield quote.event(quoted)
        elif isinstance(quoted, Evidence):
            yield quoted
        else:
            yield from quoted


def seconds(ms: float) -> str:
    """A time as people read it: `40 ms`, `0.3 s`, `6 s`."""
    if ms < 100:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 5000 else f"{ms / 1000:.0f} s"
