"""How the system stands at a moment, as the verdicts see it: processes, probes, machine, store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Process:
    """One of livekit, models, letta, agent, proxy, by its launcher's status file and a question.

    `state` is preparing, starting, ready, restarting, failed, monitoring or stopped; `answers` is
    whether it answered just now (None: not asked). `cause` is the launcher's code for what is
    wrong (`port-taken`, `crash-loop`, `settings`, …), `log` the last lines of its log that tell.
    """

    name: str
    state: str
    detail: str = ""
    since: float | None = None
    answers: bool | None = None
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    cause: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """A question to a service, and what came of it.

    `name` is what was tried (`livekit address`, `livekit credentials`, `letta key`,
    `speech-to-text`, `text-to-speech`, `chat model`, `calls database`); `problem` is a code: `""`
    (all is well), `dns`, `refused`, `timeout`, `tls`, `status`, `missing`, `rejected`,
    `rate-limited`, `not-writable`, `locked`, `other`. `target` is the address without secrets.
    """

    name: str
    problem: str = ""
    detail: str = ""
    target: str = ""
    status: int | None = None
    ms: float | None = None
    at: float | None = None

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class Machine:
    """What is left of this machine. `cpu` is the busy share of all cores, 0 to 1, over some 2 s."""

    cores: int = 1
    cpu: float = 0.0
    memory_total: int = 0
    memory_available: int = 0
    memory_low: int = 0
    """Bytes of available memory under which the machine counts as out of it."""
    disk_free: int | None = None
    """Bytes free where the state folder lies."""
    disk_low: int = 0
    disk_path: str = ""


@dataclass(frozen=True)
class Health:
    """Everything that is known of the system at a moment besides the events of a call."""

    processes: Mapping[str, Process] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    machine: Machine | None = None
    agent_name: str = ""
    """The name that the proxy dispatches (LIVEKIT_AGENT_NAME)."""
    registered_name: str | None = None
    """The name under which the worker registered; None when it was not asked or has none."""
    registered: bool | None = None
    """Whether the worker is registered now; None when it was not asked."""
