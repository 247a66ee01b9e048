"""A call as it stands at a moment: what every rule looks at."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import Any

from common.events import Event
from proxy.verdicts import bounds
from proxy.verdicts.history import History, Order, order
from proxy.verdicts.system_health import Machine, ProbeResult, Process, SystemHealth
from proxy.verdicts.verdict import Verdict

ASKED = ("dispatch.requested", "dispatch.received", "dispatch.made", "dispatch.found")
TOLD = ("job.accepted", "job.job", "job.handshake_start")
"""What only a worker tells that reports of itself, as ours does."""

SHOWN = ("join.agent_state", "hear.speech_started", "transcribe.transcript", "play.speaking")
SHOWN_S = 3.0


class CallView:
    """The events between the call's begin and its end, and the health of the system.

    `now` stands still at the end of the call, so that nothing becomes late after it.
    """

    def __init__(self, history: History, health: SystemHealth, now: float) -> None:
        self.history = history
        self.health = health
        self.began: Order | None = bounds.beginning(history)
        self.ended: Event | None = bounds.ending(history, self.began)
        self._until: Order | None = order(self.ended) if self.ended is not None else None
        self.health_now = now
        self.now = now if self.ended is None else min(now, self.ended.at)
        self._found: dict[Hashable, Event | None] = {}
        self.late: tuple[Verdict, ...] = ()
        """What is failing only because it takes too long; known when `system` is judged."""
        if not self.is_ours:
            self.health = health.of_another_agent

    def last(self, *topics: str, source: str | None = None, **data: Any) -> Event | None:
        """The latest event of any of the topics, of this source and with these values."""
        query = (topics, source, tuple(data.items()))
        if query not in self._found:  # rules ask the same again and again
            self._found[query] = self.history.last(
                *topics, source=source, since=self.began, until=self._until, **data
            )
        return self._found[query]

    def first(self, *topics: str) -> Event | None:
        """The earliest event of any of the topics."""
        earliest = self.history.first(*topics, since=self.began)
        if earliest is None or (self._until is not None and order(earliest) > self._until):
            return None
        return earliest

    def all(self, *topics: str, since: float = 0.0) -> list[Event]:
        """Every event of the topics from the time `since` on."""
        events = self.history.all(*topics, since=max(since, self.began[0] if self.began else 0.0))
        if self._until is None:
            return events
        return [event for event in events if order(event) <= self._until]

    def after(self, event: Event | None, *topics: str) -> Event | None:
        """The latest event of the topics that happened after `event`, or any when that is None."""
        latest = self.last(*topics)
        if latest is None or event is None or order(latest) > order(event):
            return latest
        return None

    def at(self, event: Event) -> float:
        """When it happened, by the proxy's clock as far as the reporter's is known."""
        return event.at + (self._browser_behind if event.source == "browser" else 0.0)

    def age(self, event: Event) -> float:
        """Seconds since the event."""
        return max(0.0, self.now - self.at(event))

    @cached_property
    def _browser_behind(self) -> float:
        """Seconds by which the page's clock is certainly behind; less than 0 when it is ahead.

        The proxy issued the token between the page's asking and its receiving it.
        """
        request = self.last("token.requested")
        received = self.last("token.received")
        identity = received.data.get("identity") if received is not None else None
        # Another caller may have been given one since.
        issued = self.last("token.issued", **({"identity": identity} if identity else {}))
        if issued is None or request is None or received is None or received.at < request.at:
            return 0.0
        if issued.at > received.at:
            return issued.at - received.at
        return min(0.0, issued.at - request.at)

    @property
    def clock_difference(self) -> float:
        """Seconds the page's clock is behind the proxy's, as far as that is certain."""
        return self._browser_behind

    @cached_property
    def has_page(self) -> bool:
        """Whether a page reports from this call; other callers report nothing."""
        return self.last("token.requested", "signal.connecting", "media.connected") is not None

    @cached_property
    def typed(self) -> Event | None:
        """The caller's last typed message."""
        return self.last("hear.typed")

    @cached_property
    def agents(self) -> dict[str, Event]:
        """The agents in the room, each with the event of its coming; without those known dead."""
        present: dict[str, Event] = {}
        dead = {
            f"agent-{event.data.get('job_id')}"
            for event in self.all("job.process_ended")
            if event.data.get("job_id")
        }
        news = self.all(
            "join.participant_joined",
            "join.participant_left",
            "join.agent_joined",
            "join.agent_left",
            "dispatch.verified",
        )
        if not news:
            # Neither a page nor the server's webhooks tell: the worker says that its job is there.
            news = self.all("job.job")
        for event in news:
            identity = str(event.data.get("identity") or f"agent-{event.data.get('job_id')}")
            if event.name.endswith("_left"):
                present.pop(identity, None)
            else:
                present.setdefault(identity, event)
        return {identity: event for identity, event in present.items() if identity not in dead}

    @cached_property
    def is_ours(self) -> bool:
        """Whether the agent of this call is the worker of this system, as far as is known."""
        if not self.health.own_agent:
            return False
        asked = self.all(*ASKED)
        if asked:
            return any(self._asks_for_us(event) for event in asked)
        if not self.agents or self.last(*TOLD) is not None:
            return True
        return self.last("dispatch.accepted", "dispatch.verified") is not None

    @property
    def tells_nothing(self) -> bool:
        """Whether the agent has been there for a while and has shown nothing of what it does."""
        if self.is_ours or not self.agents or self.last(*SHOWN) is not None:
            return False
        return min(self.age(came) for came in self.agents.values()) >= SHOWN_S

    @property
    def agent_name(self) -> str:
        """The name that another's agent was asked for by; empty when it has none."""
        asked = self.last(*ASKED, "job.state")
        return str(asked.data.get("agent_name") or "") if asked is not None else ""

    def _asks_for_us(self, asked: Event) -> bool:
        """Whether it asks for the worker of this system, which it does without a name."""
        health, name = self.health, asked.data.get("agent_name")
        return name is None or name in (health.registered_name, health.agent_name)

    @property
    def is_registered(self) -> bool:
        """Whether a worker is known to be registered under the name that is dispatched."""
        health = self.health
        same = not health.agent_name or health.registered_name in (None, health.agent_name)
        return health.registered is True and same

    def process(self, name: str) -> Process | None:
        return self.health.processes.get(name)

    def probe(self, name: str) -> ProbeResult | None:
        return self.health.probes.get(name)

    @property
    def machine(self) -> Machine | None:
        return self.health.machine
