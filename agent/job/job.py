"""A call, from the handshake to the end.

`ctx.connect()` first, then the resources (Letta is asked beside it), then the session; each step is
timed and retried where a retry can help (how often stands in common/retry.py). The framework runs a
job's shutdown callbacks however the job ends, so closing the resources is one of them: it is this
entrypoint's `finally`.

Whether another try can help is read from the error: LiveKit's native library gives nothing but a
sentence, `ConnectError.message`, which names the HTTP status of the LiveKit server's answer in one
fixed place (tests/fast/agent/test_upstream_names.py sees that it still does).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from livekit.agents import JobContext
from livekit.agents.voice import CloseEvent
from livekit.rtc import ConnectError

from agent.events import Events, RoomSink
from agent.job.dispatch_metadata import listening, parse_metadata
from agent.job.faults import Faults
from agent.job.late_reply import LateReply
from agent.job.process import READY, JobVitals, Ready
from agent.job.resources import AgentResources, bootstrap_resources
from agent.job.room_exit import Callers, LostRoom, RoomExit
from agent.job.session import (
    CallReports,
    VoiceAgent,
    emit_session_events,
    room_options,
    watch_for_late_replies,
)
from agent.letta.llm import LettaLLM
from agent.settings import AgentSettings
from agent.speech.reports import Reports
from agent.timeline.spool import Spool
from common.retry import CONNECT_ROOM, START_SESSION, RetryPolicy

logger = logging.getLogger("agent.job")

VITALS = "vitals"  # key in the process's userdata
OPENING_TIMEOUT = 0.5  # seconds; the conversation may open while the call has already begun


async def entrypoint(ctx: JobContext) -> None:
    ready: Ready = ctx.proc.userdata[READY]
    events = make_events(ctx, ready.settings)
    clock = JobClock(events)
    logger.info(
        "Job %s in room %s (%s), metadata %s",
        ctx.job.id,
        ctx.job.room.name,
        ctx.job.room.sid,
        ctx.job.metadata or "none",
    )
    clock.mark("handshake_start")
    ctx.proc.userdata[VITALS] = JobVitals(events.emit)
    try:
        await begin(ctx, ready, events, clock)
    except Exception as error:
        events.emit("job", "error", message=str(error), traceback=traceback.format_exc())
        raise  # the framework logs it with its traceback, and ends the job


async def begin(ctx: JobContext, ready: Ready, events: Events, clock: JobClock) -> None:
    """Everything until the agent listens."""
    metadata = parse_metadata(ctx.job.metadata)
    faults = Faults(metadata.fault, ready.settings.faults_enabled, events)
    own = listening(ready.settings, metadata.settings)
    resources = bootstrap_resources(
        ready, own.settings, ctx.job.room.name, metadata.agent_id, events
    )
    lost_room = end_with_the_call(ctx, resources)
    ready.reports.listen(CallReports(events, resources.voice))
    events.emit("hear", "vad", backend=ready.detector.model)
    events.emit("job", "settings", **own.data)
    await faults.before_connect()
    await retry(lambda: connect(ctx, lost_room), "connect", CONNECT_ROOM, events)
    clock.mark("ctx_connected")
    events.emit(
        "job",
        "job",
        job_id=ctx.job.id,
        room_sid=ctx.job.room.sid,
        metadata=ctx.job.metadata,
        worker_id=ctx.worker_id,
    )
    await asyncio.wait({resources.opened}, timeout=OPENING_TIMEOUT)
    await faults.before_session()
    emit_session_events(resources.session, events, resources.turns, ready.reports)
    late = watch_for_late_replies(resources.session, events, resources.voice)
    await retry(
        lambda: start(ctx, resources, ready.reports, late), "session", START_SESSION, events
    )
    clock.mark("session_started")
    absence_timeout = ready.settings.agent_absence_timeout
    watch_callers(ctx, resources, absence_timeout, metadata.caller_waits)
    greet(resources, ready.settings.agent_greeting)
    clock.mark("init_done")
    faults.joined(ctx)


def make_events(ctx: JobContext, settings: AgentSettings) -> Events:
    """The events of the call: for the page at once, for the timeline by a file."""
    events = Events(ctx.job.room.name, ctx.job.id)
    events.sinks.append(RoomSink(ctx.room))
    if settings.has_timeline:
        events.sinks.append(Spool(Path(settings.agent_spool_dir), ctx.job.room.name, ctx.job.id))
    return events


async def connect(ctx: JobContext, lost_room: LostRoom) -> None:
    try:
        await ctx.connect()
    except Exception:
        lost_room.troubled()
        raise


def end_with_the_call(ctx: JobContext, resources: AgentResources) -> LostRoom:
    """Whatever ends first ends the rest: the session, the room, the job."""
    room = LostRoom(ctx.room)

    async def close(reason: str) -> None:
        logger.info("Job %s ends: %s", ctx.job.id, reason)
        await resources.aclose()
        lost = room.reason(reason)
        resources.events.emit("job", "ended", reason=reason, job_id=ctx.job.id, lost=lost)
        await resources.events.aclose()

    @resources.session.on("close")
    def _closed(ev: CloseEvent) -> None:
        resources.turns.finish()
        ctx.shutdown(reason=ev.reason.value)

    ctx.add_shutdown_callback(close)
    return room


async def start(
    ctx: JobContext, resources: AgentResources, reports: Reports, late: LateReply
) -> None:
    await resources.session.start(
        VoiceAgent(
            LettaLLM(resources.letta),
            resources.events,
            resources.turns,
            reports,
            late,
            resources.overlap,
        ),
        room=ctx.room,
        room_options=room_options(),
        record=False,
    )


def watch_callers(
    ctx: JobContext, resources: AgentResources, absence_timeout: float, caller_waits: bool
) -> None:
    room_exit = RoomExit(ctx)
    resources.callers = Callers(
        ctx.room,
        resources.session,
        absence_timeout,
        room_exit.leave,
        caller_waits,
        linked=lambda identity: resources.events.emit("hear", "linked", identity=identity),
    )


def greet(resources: AgentResources, greeting: str | None) -> None:
    """Say the greeting, or what is wrong."""

    def say_failure(opened: asyncio.Task[None]) -> None:
        if not opened.cancelled() and (error := opened.exception()):
            resources.voice.say(resources.letta.excuse(error))

    opened = resources.opened
    cannot_open = opened.done() and opened.exception() is not None
    resources.voice.begin(None if cannot_open else greeting)
    opened.add_done_callback(say_failure)


class JobClock:
    """Logs and reports how far the call is, in milliseconds since its job began."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self._began = time.perf_counter()

    def mark(self, name: str) -> None:
        elapsed = (time.perf_counter() - self._began) * 1000
        logger.info("%s after %.0f ms", name, elapsed)
        if name == "handshake_start":
            self.events.emit("job", name)
        else:
            self.events.emit("job", name, elapsed_ms=round(elapsed, 1))


REFUSED = re.compile(r"engine: signal failure: client error: (\d{3}) ")
"""Then the status in words, " - ", and the body of the answer, which may hold anything."""
FINAL_STATUSES = frozenset({401, 403, 404})
"""The token is refused, or the room is gone: the next try would get the same answer."""


async def retry(
    work: Callable[[], Awaitable[None]], what: str, policy: RetryPolicy, events: Events
) -> None:
    """Do `work` until it succeeds, as often as the policy allows; raises the last try's error.

    Each failure that is followed by another try becomes a `job.retry` event.
    """
    async for attempt in policy.retrying(is_transient):
        number = attempt.retry_state.attempt_number
        with attempt:
            logger.info("%s: try %s of %s", what, number, policy.tries)
            try:
                await work()
            except Exception as error:
                end = "it was the last"
                if not is_transient(error):
                    end = "another cannot help"
                elif policy.tries is None or number < policy.tries:
                    end = f"the next follows in {policy.first_wait_s:g} s"
                    events.emit(
                        "job", "retry", what=what, attempt=number, of=policy.tries, error=str(error)
                    )
                logger.warning(
                    "%s: try %s of %s failed; %s", what, number, policy.tries, end, exc_info=True
                )
                raise


def is_transient(error: BaseException) -> bool:
    """Whether the same try may succeed later. A failed look-up of a host name is transient."""
    if not isinstance(error, Exception):
        return False
    return refused_status(error) not in FINAL_STATUSES


def refused_status(error: Exception) -> int | None:
    """The HTTP status (400 to 499) with which the LiveKit server refused the job."""
    if not isinstance(error, ConnectError):
        return None
    refusal = REFUSED.match(error.message)
    return int(refusal.group(1)) if refusal else None
