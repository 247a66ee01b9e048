"""The decision what a room needs, on recorded histories of a real server and on edge cases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from livekit import api

from proxy.clients.registration import Worker, WorkerJob, WorkerStatus
from proxy.dispatch.decision import (
    Coming,
    Decision,
    Needed,
    NoWorker,
    Present,
    WrongName,
    decide,
)
from proxy.dispatch.snapshot import (
    Dispatch,
    RoomParticipant,
    RoomSnapshot,
    ServerJob,
    snapshot_of,
)

NAME = "letta-voice-agent"
NOW = 1000.0
HISTORIES = json.loads(Path(__file__).with_name("histories.json").read_text())


@dataclass(frozen=True)
class Moment:
    """One recorded moment, as `decide` takes it."""

    snapshot: RoomSnapshot
    worker: Worker
    now: float
    left: dict[str, float]

    def decide(self, *, name: str = NAME, ask_worker: bool = True, later: float = 0.0) -> Decision:
        return decide(
            name,
            self.snapshot,
            self.worker if ask_worker else None,
            now=self.now + later,
            join_timeout=15.0,
            left=self.left,
        )

    @property
    def identity(self) -> str:
        return self.snapshot.agents[0].identity

    def dispatch_of(self, job: str) -> str:
        return next(d.id for d in self.snapshot.dispatches if job in [j.id for j in d.jobs])


def moment(name: str) -> Moment:
    found = next(each for each in HISTORIES if each["name"] == name)
    snapshot = snapshot_of(
        "history",
        [ParseDict(p, api.ParticipantInfo()) for p in found["participants"]],
        [ParseDict(d, api.AgentDispatch()) for d in found["dispatches"]],
    )
    return Moment(snapshot, worker(**found["worker"]), found["now"], found["left"])


def worker(**status: Any) -> Worker:
    known = WorkerStatus(**{"registered": True, "agent_name": NAME, **status})
    return Worker("http://agent", known, jobs=frozenset(job.id for job in known.jobs))


def ours(moment: Moment) -> set[str]:
    return {d.id for d in moment.snapshot.dispatches if d.agent_name == NAME}


def test_an_empty_room_needs_an_agent() -> None:
    assert moment("nothing asked for yet").decide() == Needed()


def test_a_young_dispatch_is_on_its_way_although_the_server_names_no_job() -> None:
    now = moment("just dispatched")
    assert [d.jobs for d in now.snapshot.dispatches if d.agent_name == NAME] == [()]
    assert isinstance(now.decide(), Coming)


def test_a_dispatch_that_no_worker_takes_is_stale_after_seconds() -> None:
    now = moment("just dispatched")
    assert now.decide(later=4) == Needed(stale=tuple(ours(now)))


def test_without_a_worker_to_ask_a_dispatch_gets_as_long_as_the_server_may_be_silent() -> None:
    now = moment("just dispatched")
    assert isinstance(now.decide(ask_worker=False, later=6), Coming)
    assert isinstance(now.decide(ask_worker=False, later=8), Needed)


@pytest.mark.parametrize("name", ["joined, job not named yet", "joined, job named"])
def test_an_agent_in_the_room_is_enough(name: str) -> None:
    now = moment(name)
    decision = now.decide()
    assert isinstance(decision, Present)
    assert decision.identity == now.identity
    assert decision.dispatch is not None
    assert {decision.dispatch.id} == ours(now)


def test_a_job_that_ended_is_not_believed_to_be_running() -> None:
    now = moment("left at the end of its job")
    assert [j.status for d in now.snapshot.dispatches for j in d.jobs] == ["running"]
    assert now.decide() == Needed(stale=tuple(ours(now)))


def test_an_agent_that_left_is_not_waited_for_while_its_job_cleans_up() -> None:
    now = moment("left at the end of its job")
    job = next(job for d in now.snapshot.dispatches for job in d.jobs)
    cleaning_up = worker(jobs=[{"id": job.id, "room": "history", "since": job.started_at}])
    assert isinstance(Moment(now.snapshot, cleaning_up, now.now, now.left).decide(), Needed)


def test_a_job_the_worker_runs_is_waited_for() -> None:
    for name in ("second job taken, not joined", "second job named, still not joined"):
        now = moment(name)
        decision = now.decide()
        assert isinstance(decision, Coming)
        assert [job.id for job in decision.dispatch.jobs] == list(now.worker.jobs)


def test_a_job_that_does_not_join_is_given_up_after_the_agents_time_to_join() -> None:
    now = moment("second job named, still not joined")
    assert isinstance(now.decide(later=6), Coming)
    assert isinstance(now.decide(later=8), Needed)


def test_a_worker_that_is_gone_took_its_job_along() -> None:
    assert moment("worker killed before it joined").decide() == NoWorker()


def test_the_next_worker_needs_a_new_dispatch() -> None:
    now = moment("another worker registered")
    decision = now.decide()
    assert isinstance(decision, Needed)
    assert set(decision.stale) == ours(now)


def test_the_ghost_of_a_killed_worker_is_no_agent() -> None:
    now = moment("worker killed in the call, another registered")
    decision = now.decide()
    assert isinstance(decision, Needed)
    assert decision.ghosts == (now.identity,)
    assert set(decision.stale) == ours(now)


def test_an_agent_is_no_ghost_as_long_as_its_worker_may_run_it() -> None:
    now = moment("third dispatch joined")
    assert isinstance(now.decide(), Present)
    silent = Worker("http://agent", None, "it did not answer in time")
    assert isinstance(Moment(now.snapshot, silent, now.now, now.left).decide(), Present)
    ghost = moment("worker killed in the call, another registered")
    assert isinstance(ghost.decide(ask_worker=False), Present)


def test_an_agent_whose_job_is_known_to_have_died_is_a_ghost_at_once() -> None:
    job = ServerJob("AJ_1", "running", "AW_mine", "agent-AJ_1", started_at=NOW - 1)
    agent = RoomParticipant("agent-AJ_1", "agent", NOW - 1)
    mine = worker(worker_id="AW_mine", registered_at=NOW - 600)
    for jobs in ((job,), ()):
        dispatch = Dispatch("AD_1", NAME, NOW - 4, jobs=jobs)
        snapshot = RoomSnapshot("r", exists=True, participants=(agent,), dispatches=(dispatch,))
        assert isinstance(decide(NAME, snapshot, mine, now=NOW, join_timeout=15, left={}), Present)
        died = decide(NAME, snapshot, mine, now=NOW, join_timeout=15, left={}, dead={"AJ_1"})
        assert died == Needed(stale=("AD_1",), ghosts=("agent-AJ_1",))


def test_an_agent_of_another_worker_of_the_same_name_is_no_ghost() -> None:
    job = ServerJob("AJ_1", "running", "AW_other", "agent-AJ_1", started_at=NOW - 60)
    snapshot = RoomSnapshot(
        "r",
        exists=True,
        participants=(RoomParticipant("agent-AJ_1", "agent", NOW - 60),),
        dispatches=(Dispatch("AD_1", NAME, NOW - 60, jobs=(job,)),),
    )
    mine = worker(worker_id="AW_mine", registered_at=NOW - 600)
    assert isinstance(decide(NAME, snapshot, mine, now=NOW, join_timeout=15, left={}), Present)


def test_an_agent_with_an_identity_of_its_own_is_no_ghost() -> None:
    snapshot = RoomSnapshot(
        "r", exists=True, participants=(RoomParticipant("house-bot", "agent", NOW - 60),)
    )
    assert decide(NAME, snapshot, worker(), now=NOW, join_timeout=15, left={}) == Present(
        "house-bot", None
    )


def test_nobody_registered() -> None:
    now = moment("nothing asked for yet")
    gone = Worker("http://agent", None, "connection refused", gone=True)
    assert Moment(now.snapshot, gone, now.now, {}).decide() == NoWorker()
    unregistered = worker(registered=False)
    assert Moment(now.snapshot, unregistered, now.now, {}).decide() == NoWorker()


def test_another_name() -> None:
    assert moment("nothing asked for yet").decide(name="other") == WrongName(NAME)


def test_a_dispatch_for_another_agent_is_not_ours() -> None:
    now = moment("just dispatched")
    assert now.decide(name="other") == WrongName(NAME)


def test_a_failed_job_is_not_on_its_way() -> None:
    job = ServerJob("AJ_1", "failed", started_at=NOW - 1)
    snapshot = RoomSnapshot(
        "r", exists=True, dispatches=(Dispatch("AD_1", NAME, NOW - 1, jobs=(job,)),)
    )
    assert decide(NAME, snapshot, None, now=NOW, join_timeout=15, left={}) == Needed(
        stale=("AD_1",)
    )


def test_a_job_that_still_waits_for_its_process_is_on_its_way_however_long() -> None:
    job = ServerJob("AJ_1", "running", "AW_1", "agent-AJ_1", started_at=NOW - 60)
    for named in ((job,), ()):
        dispatch = Dispatch("AD_1", NAME, NOW - 60, jobs=named)
        snapshot = RoomSnapshot("r", exists=True, dispatches=(dispatch,))
        waiting = worker(
            worker_id="AW_1",
            registered_at=NOW - 600,
            jobs=[{"id": "AJ_1", "room": "r", "since": NOW}],
        )
        decision = decide(NAME, snapshot, waiting, now=NOW, join_timeout=15, left={})
        assert decision == Coming(dispatch)


def test_callers_are_no_agents() -> None:
    snapshot = RoomSnapshot(
        "r", exists=True, participants=(RoomParticipant("caller-1", "standard", NOW),)
    )
    assert decide(NAME, snapshot, worker(), now=NOW, join_timeout=15, left={}) == Needed()


def test_the_agent_of_a_call_from_before_a_restart_of_the_server_is_waited_for() -> None:
    """A second one would answer beside it."""
    caller = RoomParticipant("caller-1", "standard", NOW)
    snapshot = RoomSnapshot("r", exists=True, participants=(caller,), created_at=NOW - 1)
    running = WorkerJob(id="AJ_1", room="r", since=NOW - 60)

    def decided(*jobs: WorkerJob, later: float = 0.0) -> Decision:
        return decide(
            NAME,
            snapshot,
            worker(jobs=list(jobs)),
            now=NOW + later,
            join_timeout=15.0,
            left={"agent-AJ_1": NOW - 59},
        )

    assert isinstance(decided(running), Coming)
    assert decided(running, later=10) == Needed(), "it does not come any more"
    assert decided() == Needed(), "its job is over"
    assert decided(WorkerJob(id="AJ_1", room="another", since=NOW - 60)) == Needed()
