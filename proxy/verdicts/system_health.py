"""How the system stands at a moment, as the verdicts see it: processes, probes, machine, store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from common.detour import Detour
from common.events import Stage
from common.process_records import ProcessState

LAUNCHER = "the launcher"
"""By which `Process.frozen` tells that it is not the program that stands still."""


@dataclass(frozen=True)
class VitalsSnapshot:
    """How one process of the machine is; None where it is not known.

    `cpu` is a share of a core over the last seconds. `lag` is by how many seconds its event loop
    was late, at worst, within the last ten; `errors` are those it logged within ten minutes (of a
    job process: in its call). `waiting` is how much waits to be done. `job` and
    `room` are those of a job process with a call.
    """

    pid: int
    memory_mb: int | None = None
    memory_limit_mb: int | None = None
    cpu: float | None = None
    lag: float | None = None
    errors: int | None = None
    active_at: float | None = None
    waiting: int | None = None
    job: str | None = None
    room: str | None = None


@dataclass(frozen=True)
class Process:
    """One of livekit, models, letta, agent, proxy, by its launcher's status file and a question.

    `state` is preparing, starting, ready, restarting, failed, monitoring or stopped; `answers` is
    whether it answered just now (None: not asked). `cause` is the launcher's code for what is
    wrong: `port-taken`, `settings`, `env-malformed`, `credentials-missing`, `prepare-failed`,
    `not-runnable` (the program is not there), `killed` or `crashed` (it ended once, and is started
    again), `crash-loop` (it ended twice or more in a row, or was given up), `not-ready` (it runs,
    but has stopped answering). It stays while the program starts again, until it is ready.
    `code-broken` is said of one that is ready: its changed code cannot run, the code from before
    goes on.
    `frozen` is the proxy's own: a process of it is stopped (see `frozen` below). `log` are the last
    lines of its log that tell.
    """

    name: str
    state: ProcessState
    detail: str = ""
    since: float | None = None
    answers: bool | None = None
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    cause: str = ""
    log: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    """Its stopped processes (SIGSTOP, a debugger) as `pid 12 (command)`: alive, but doing nothing.
    When one of them is the program itself, it answers nothing either; a job process may be frozen
    while the worker answers."""
    vitals: tuple[VitalsSnapshot, ...] = ()
    """First the program's own (with those it started, as far as they are not told apart), then
    those of the worker's job processes."""


@dataclass(frozen=True)
class ProbeResult:
    """A question to a service, and what came of it.

    `name` is what was tried (`livekit address`, `livekit credentials`, `media over TCP`,
    `letta key`, `speech-to-text`, `text-to-speech`, `chat model`, `calls database`); `problem` is
    a code: `""` (all is well), `dns`, `refused`, `timeout`, `tls`, `status`, `missing`, `rejected`,
    `rate-limited`, `not-writable`, `locked`, `other`; of `livekit address` also `scheme`
    (LIVEKIT_URL says wss to a server without TLS, or ws to one with it). `target` is the address
    without secrets. `detail` is a sentence without the final stop. Probes that cannot be asked
    because another one fails (credentials of a server that is not there) are left out.
    """

    name: str
    problem: str = ""
    detail: str = ""
    target: str = ""
    status: int | None = None
    ms: float | None = None
    at: float | None = None
    hint: str = ""
    """What the key that was shown looks like, when it does not look like one of this server."""

    @property
    def ok(self) -> bool:
        return not self.problem


OURS_ALONE = ("models", "letta", "agent")
PROVIDERS = ("letta key", "speech-to-text", "text-to-speech", "chat model")
"""Processes and probes of what only our own worker needs."""


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
    busiest: tuple[str, ...] = ()
    """The processes that use most of the CPU or the memory, when there is little left of it."""


@dataclass(frozen=True)
class SystemHealth:
    """Everything that is known of the system at a moment besides the events of a call."""

    processes: Mapping[str, Process] = field(default_factory=dict)
    probes: Mapping[str, ProbeResult] = field(default_factory=dict)
    machine: Machine | None = None
    agent_name: str = ""
    """The name that the proxy dispatches (LIVEKIT_AGENT_NAME)."""
    own_agent: bool = True
    """Whether this system has a worker of its own (OWN_AGENT)."""
    registered_name: str | None = None
    """The name under which the worker registered; None when it was not asked or has none."""
    registered: bool | None = None
    """Whether the worker is registered now; None when it was not asked."""
    worker_error: str = ""
    """Why the worker is not registered, as it says itself."""
    worker: str = ""
    """What the worker says of itself, in words: its id, code, LiveKit server, calls and load."""
    timeline_error: str = ""
    timeline_error_since: float | None = None
    """Why the worker cannot hand its events over, and since when, as it says itself."""
    worker_detour: Detour | None = None
    """Where the worker went instead of to the LiveKit server, when that error names it."""
    media_udp_port: int = 7882
    media_tcp_port: int = 7881
    """Where our own LiveKit server takes sound; of one elsewhere, where such servers usually do."""
    usual: Mapping[Stage, float] = field(default_factory=dict)
    """Milliseconds that a stage usually takes here, with the agent of the judged call; of stages of
    which too little is known nothing."""
    at: float = 0.0
    """When this was put together."""

    @property
    def of_another_agent(self) -> SystemHealth:
        """What of it concerns a call whose agent is not our worker: that runs with what it has."""
        return replace(
            self,
            processes={k: v for k, v in self.processes.items() if k not in OURS_ALONE},
            probes={k: v for k, v in self.probes.items() if k not in PROVIDERS},
            worker_error="",
            worker="",
            timeline_error="",
            usual={},
        )
