"""What is known of one stage: what it owes, what proves it, and each cause it can fail by.

A stage's file makes one `Rules` and hangs on it: its `Link`s, one `@stage.proof`, and a
`@stage.cause("code")` for each cause. README.md tells how to add one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from common.events import Event, Stage
from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.verdict import UNKNOWN, Evidence, State, Verdict

Rule = Callable[[CallView], Verdict | None]
Quoted = Event | Evidence | None

TIMES_USUAL, TIMES_LAST = 3.0, 1.5
"""What takes so many times what is usual, and what it took the last time in this call, is late."""
LOGS = "./restart_voice_system.sh logs"
TOLD_BY_AGENT = ("hear", "transcribe", "think", "speak")
"""Stages that only the agent can prove."""
ANOTHERS_LOG = "the log of its worker"
"""What is said instead of our own worker's log, where the agent is another's."""
ANOTHERS_WORDS = (
    ("./restart_voice_system.sh logs agent", ANOTHERS_LOG),
    ("./restart_voice_system.sh agent", "restart its worker"),
)
END = (".", "!", "?", "…", "”", ".)")


@dataclass(frozen=True)
class Link:
    """What a stage owes: what went in, what must come out of it, who proves that, and when.

    `since` finds what went in last, or names the events that tell it. It is paid by any event of
    `by` that happened after it, and `unless` any of those did: then nothing is owed any more.
    """

    given: str
    """What went in, as a sentence without its end: `the page asked for a token`."""
    owed: str
    """What must come out, in the same way: `it has one`."""
    told_by: str
    """Who proves it, for the table: page, worker, SFU, proxy."""
    within_s: float
    """Seconds after which the stage fails, the cause not known."""
    doing: str
    """What is said while it waits: a sentence, in which `{url}` stands for that of what went in."""
    since: tuple[str, ...] | Callable[[CallView], Event | None]
    by: tuple[str, ...]
    unless: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    """The likeliest reasons why nothing comes out, in order, each with what to do."""
    asks: tuple[str, ...] = ()
    """The processes that have to do it: what is known of them is said."""

    def unpaid(self, call: CallView) -> Event | None:
        """What went in last and is owed for."""
        given = call.last(*self.since) if isinstance(self.since, tuple) else self.since(call)
        if given is None or call.after(given, *self.by, *self.unless) is not None:
            return None
        return given


class Late(Verdict):
    """A failure that nothing proves but the time it takes: the machine may be to blame."""


class Rules:
    """One stage.

    `usual_ms` is what it takes where nothing better is known; `timed_by` the event whose `ms` tells
    what it took the last time. `works` are the events that prove that it works (again); `over`
    tells of a failure whether it has passed otherwise. Both are asked in `unresolved`, and nowhere
    else. `log` is the process whose log has more. An error that is `explained_elsewhere` is another
    stage's to tell.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        usual_ms: float | None = None,
        works: tuple[str, ...] = (),
        timed_by: str = "",
        log: str = "agent",
        over: Callable[[CallView, Event], bool] = lambda call, event: False,
        explained_elsewhere: Callable[[CallView, Event], bool] = lambda call, event: False,
    ) -> None:
        self.stage = stage
        self.usual_ms = usual_ms
        self.works = works
        self.timed_by = timed_by
        self.causes: dict[str, Rule] = {}
        self._over = over
        self._explained_elsewhere = explained_elsewhere
        self._log = log
        self.links: list[Link] = []
        self._proof: Rule = lambda _: None

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

    def owes(self, *links: Link) -> None:
        """Register what the stage owes, in the order in which it happens."""
        self.links += links

    def proof(self, rule: Rule) -> Rule:
        """Register what proves that the stage works: `ok`, or what is to be said instead of it.

        None: nothing was seen of it yet.
        """
        self._proof = rule
        return rule

    def judge(self, call: CallView) -> Verdict:
        verdict = self._judge(call)
        if call.is_ours:
            return verdict
        if verdict.state == "not seen yet" and self.stage in TOLD_BY_AGENT and call.tells_nothing:
            came = min(call.agents.values(), key=lambda event: event.at)
            return self.not_told("This agent does not tell: it publishes nothing of it.", came)
        return _of_another(verdict)

    def _judge(self, call: CallView) -> Verdict:
        note: Verdict | None = None
        for code, rule in self.causes.items():
            verdict = rule(call)
            if verdict is None:
                continue
            verdict = replace(verdict, cause=code, usual_ms=self.usual(call))
            if verdict.state == "failing":
                return verdict
            note = note or verdict
        error = self.unresolved(call, f"{self.stage}.failed", f"{self.stage}.error")
        if error is not None and not self._is_known(error, note, call):
            return self.unknown(error)
        standing = replace(self._standing(call), usual_ms=self.usual(call))
        # That it works worse than it could is worth saying only where it works.
        if note is None or standing.state == "failing":
            return standing
        if note.state == "ok" and standing.state == "waiting":
            return standing
        if note.state == "ok" and standing.state != "ok":
            return replace(note, state=standing.state)  # said, but nothing is proven by it
        return replace(note, ms=standing.ms)

    def _standing(self, call: CallView) -> Verdict:
        """How the stage stands when no cause applies: what it owes comes before what it proved."""
        for link in self.links:
            given = link.unpaid(call)
            if given is not None:
                return self._due(link, given, call)
        return self._proof(call) or self.not_seen()

    def _due(self, link: Link, given: Event, call: CallView) -> Verdict:
        """Something went in, and nothing came out yet: failing when it is too late."""
        age = call.age(given)
        shown = f"{age:.1f}" if age < 10 else f"{age:.0f}"
        asked = [quote.asked(process) for name in link.asks if (process := call.process(name))]
        if "agent" in link.asks:
            asked += quote.worker(call.health)
        likely = link.likely
        if not call.is_ours and {"agent", "letta", "models"} & set(link.asks):
            likely = (f"Look at {ANOTHERS_LOG}.",)
        if age < self.limit(call, link.within_s):
            doing = link.doing.format_map(defaultdict(lambda: "?", given.data)).rstrip(".")
            return self.waiting(f"{doing}{self.usually(call)}.", given, asked, since=given.at)
        last = call.last(*link.by)
        before = f"; the last time was at {quote.clock(last.at)}" if last is not None else ""
        first, *others = likely or (f"Look at the log: {LOGS} {self._log}.",)
        return replace(
            self.late(
                f"At {quote.clock(given.at)} {link.given}; since then, for {shown} s, nothing "
                f"tells that {link.owed}{self.usually(call)}{before}. The cause is not known.",
                " ".join([first, *(f"Or: {one}" for one in others)]),
                given,
                last,
                asked,
                since=given.at,
            ),
            cause=UNKNOWN,
        )

    def _is_known(self, error: Event, note: Verdict | None, call: CallView) -> bool:
        """Whether a rule of this stage, or another stage, tells of this event."""
        noted = note is not None and quote.event(error) in note.evidence
        return noted or self._explained_elsewhere(call, error)

    def unresolved(self, call: CallView, *topics: str, **data: Any) -> Event | None:
        """The last of these failures, unless the stage has worked since or it has passed."""
        latest = call.last(*topics, **data)
        if latest is None or (self.works and call.after(latest, *self.works) is not None):
            return None
        return None if self._over(call, latest) else latest

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

    def not_seen(self, sentence: str = "Not seen yet.", *evidence: Quoted) -> Verdict:
        """Nothing went in that would have to come out."""
        return self._verdict("not seen yet", sentence, "", evidence, None)

    def not_told(self, sentence: str, *evidence: Quoted) -> Verdict:
        """Who would have to prove it does not report."""
        return self._verdict("not told", sentence, "", evidence, None)

    def unknown(self, *events: Event, sentence: str = "") -> Verdict:
        """A failure that no rule knows: its evidence, and where to look."""
        last = events[-1]
        text = quote.data_text(last)
        what = sentence or f"{last.topic} was reported" + (f": {text}" if text else "") + "."
        own = str(last.data.get("next") or last.data.get("next_step") or "")
        look = f"Look at the log: {LOGS} {self._log}"
        return replace(
            self.failing(f"{what} The cause is not known.", own or look, *events, since=last.at),
            cause=UNKNOWN,
        )

    def usual(self, call: CallView) -> float | None:
        """Milliseconds that it usually takes: with this agent on this machine, if that is known."""
        return call.health.usual.get(self.stage, self.usual_ms)

    def usually(self, call: CallView) -> str:
        usual = self.usual(call)
        return f" (usually {seconds(usual)})" if usual is not None else ""

    def limit(self, call: CallView, floor_s: float) -> float:
        """Seconds after which it is too late: a multiple of what is usual, `floor_s` at least."""
        last = call.last(self.timed_by) if self.timed_by else None
        took = last.data.get("ms") if last is not None else None
        usual = TIMES_USUAL * (self.usual(call) or 0.0)
        return max(floor_s, usual / 1000, TIMES_LAST * (took or 0.0) / 1000)

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


def _of_another(verdict: Verdict) -> Verdict:
    """The same, where the agent runs elsewhere: our commands do not reach it."""
    step = verdict.next
    for ours, words in ANOTHERS_WORDS:
        step = step.replace(ours, words)
    step = step.replace(f". {ANOTHERS_LOG}", f"; {ANOTHERS_LOG}")
    return replace(verdict, next=step[:1].upper() + step[1:])


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
