"""Dispatches that others made (`lk dispatch create`, the room's configuration in a token), and the
jobs of agents that are not our worker's.

The LiveKit server reports none of them, so a room with a caller is looked at: until an agent is
there, and of another's agent until its worker is known and again when it leaves. What is found
becomes `dispatch.found` and `job.state`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from typing import Any

from common import logs
from common.events import Event
from proxy.clients.sfu import Sfu, SfuError
from proxy.dispatch.snapshot import Dispatch, RoomSnapshot, ServerJob, fetch_snapshot
from proxy.timeline.call import CallRecord
from proxy.timeline.timeline import Timeline
from proxy.verdicts.call_view import TOLD

log = logging.getLogger("proxy.dispatch")

CAME = (
    "token.issued",
    "signal.participant_joined",
    "media.connected",
    "join.participant_joined",
    "join.agent_joined",
)
OTHERS = ("dispatch.made", "dispatch.found")
LEFT = ("join.participant_left", "join.agent_left")
LOOKS_S = (1.0, 1.0, 1.5, 1.7, 3.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each look at a room, from the coming of its caller on. The server names the job of
a dispatch after 0.2 s, but the first one of a worker that has just registered after 5.0 s."""
NAMES_MAX = 50
WORKERS_S = 600.0
"""For so long a worker that had a job of a name is thought to have the name still."""


class OthersDispatches:
    """Looks for them in each room into which a caller comes."""

    def __init__(self, sfu: Sfu, timeline: Timeline, ours: str) -> None:
        self._sfu = sfu
        self._timeline = timeline
        self._ours = ours
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._workers: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
        """When each worker was first and last seen with a job, by the name it has."""
        self._names: deque[str] = deque(maxlen=NAMES_MAX)
        timeline.listeners.append(self._on_event)

    @property
    def names(self) -> list[str]:
        """Names of other agents that were seen in dispatches."""
        return sorted(set(self._names))

    async def aclose(self) -> None:
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_event(self, event: Event) -> None:
        name = event.data.get("agent_name")
        if event.topic in OTHERS and name and name != self._ours and name not in self._names:
            self._names.append(str(name))
        asks = event.topic in CAME
        asks = asks or (
            event.topic in OTHERS and event.data.get("agent_name", self._ours) != self._ours
        )
        if not asks and event.topic in LEFT:
            asks = self._has_others(self._timeline.calls.current(event.room))
        if not asks or event.room in self._looking:
            return
        task = asyncio.create_task(
            self._look(event.room), name=f"look for dispatches of {event.room}"
        )
        self._looking[event.room] = task
        task.add_done_callback(lambda _: self._looking.pop(event.room, None))

    async def _look(self, room: str) -> None:
        logs.about(room)
        for seconds in LOOKS_S:
            await asyncio.sleep(seconds)
            call = self._timeline.calls.current(room)
            if call is None or self._is_known(call):
                return
            try:
                self._note(await fetch_snapshot(self._sfu, room))
            except SfuError as error:
                log.debug("Room %s cannot be looked at: %s", room, error)

    def _has_others(self, call: CallRecord | None) -> bool:
        """Whether an agent of another name was asked for."""
        asked = call.history.all(*OTHERS) if call is not None else []
        return any(event.data.get("agent_name", self._ours) != self._ours for event in asked)

    def _is_known(self, call: CallRecord) -> bool:
        """Whether an agent has come, and, if it is another's, which worker has its job."""
        if not call.present - call.callers:
            return False
        if call.history.last("job.state") is not None:
            return True
        # Who came by itself, or was sent by somebody else, is not our worker's by what it tells.
        asked = call.history.last(*OTHERS, *TOLD) is not None
        return asked and not self._has_others(call)

    def _note(self, snapshot: RoomSnapshot) -> None:
        """Tell of each dispatch, and each state of a job, that the timeline does not know yet."""
        call = self._timeline.calls.current(snapshot.room)
        if call is None:
            return
        known = {event.data.get("dispatch_id") for event in call.history.all(*OTHERS)}
        for dispatch in snapshot.dispatches:
            # Each room has one without a name: the server's own, for workers without a name.
            if dispatch.agent_name and dispatch.id not in known:
                data = {"dispatch_id": dispatch.id, "agent_name": dispatch.agent_name}
                made_at = max(dispatch.created_at, call.started)
                self._timeline.note(snapshot.room, "dispatch", "found", data, at=made_at)
            if dispatch.agent_name != self._ours:
                for job in dispatch.jobs:
                    self._note_job(call, dispatch, job)

    def _note_job(self, call: CallRecord, dispatch: Dispatch, job: ServerJob) -> None:
        told = call.history.last("job.state", job_id=job.id)
        worker = job.worker_id
        if told is not None and (told.data["state"], told.data["worker_id"]) == (
            job.status,
            worker,
        ):
            return
        data: dict[str, Any] = {
            "job_id": job.id,
            "worker_id": worker,
            "agent_name": dispatch.agent_name,
            "dispatch_id": dispatch.id,
            "state": job.status,
        }
        if others := self._others_of(dispatch.agent_name, worker):
            data["other_workers"] = others
        begun = max(job.started_at, call.started) if told is None and job.started_at else None
        self._timeline.note(call.room, "job", "state", data, source="sfu", at=begun)

    def _others_of(self, name: str, worker: str) -> list[str]:
        """Other workers that had a job of this name since this one had its first: they take turns,
        which one that was started anew does not do."""
        if not worker:
            return []
        now, seen = time.time(), self._workers[name]
        if len(self._workers) > NAMES_MAX:
            del self._workers[next(iter(self._workers))]
        first, _ = seen.get(worker, (now, now))
        seen[worker] = (first, now)
        since = max(first, now - WORKERS_S)
        return [other for other, (_, last) in seen.items() if other != worker and last > since]
