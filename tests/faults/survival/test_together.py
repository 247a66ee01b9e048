"""Several programs die at the same moment, or the one that jobs are made from: with --full."""

from __future__ import annotations

import pytest

from tests.faults.call import Call
from tests.faults.injected import job_process
from tests.faults.processes import kill, program, stable
from tests.faults.survival.color import ASKED, TOLD, is_remembered, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.test_letta import is_ready
from tests.faults.survival.traces import agents_in, nothing_is_left
from tests.running_system import System

GOAL_S = 20.0
PROGRAMS = ("models", "letta", "agent", "proxy", "livekit")


def the_server_and_the_worker(system: System) -> None:
    kill(system, "agent")
    kill(system, "livekit")


def the_server_and_the_job(system: System) -> None:
    job_process(system).kill()
    kill(system, "livekit")


def the_proxy_and_the_worker(system: System) -> None:
    kill(system, "proxy")
    kill(system, "agent")


def the_forkserver(system: System) -> None:
    """The process from which the worker makes those of the jobs: without it, it holds them for
    dead."""
    worker = program(system, "agent")
    assert worker is not None
    found = [each for each in worker.children() if "forkserver" in " ".join(each.cmdline())]
    assert found, f"no forkserver among {worker.children()}"
    for each in found:
        each.kill()


def all_five(system: System) -> None:
    for name in PROGRAMS:
        kill(system, name)


WAYS = {
    "livekit-server and the worker": the_server_and_the_worker,
    "livekit-server and the job": the_server_and_the_job,
    "the proxy and the worker": the_proxy_and_the_worker,
    "the worker's forkserver": the_forkserver,
    "all five programs": all_five,
}


# Each of them is killed alone in the short form.
@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_killed_together(faulty: System, new_survival: NewSurvival, way: str) -> None:
    survival = new_survival(f"{way} killed (-9)", GOAL_S)
    stable(faulty, *PROGRAMS)
    with Call(faulty) as call:
        before = tells(call)
        WAYS[way](faulty)
        with survival.recovering():
            call.until(before.another_listens)
        is_ready(faulty)
        call.quiet()
        is_remembered(call)
        assert len(agents_in(faulty, call.room)) == 1
    nothing_is_left(faulty, call).held_once(TOLD, ASKED)
    survival.survived()
