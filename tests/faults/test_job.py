"""The job of the agent: it crashes, hangs, is killed, or there is no room for it."""

from __future__ import annotations

import pytest

from tests.faults.call import Call
from tests.faults.conftest import NewFault
from tests.faults.injected import job_process
from tests.running_system import System


def test_the_entrypoint_crashes(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("job", "entrypoint-crashed", "the entrypoint raises before it connects")
    with Call(faulty, fault="raise") as call:
        fault.breaks()
        verdict = fault.named(call.ask)
        quoted = " ".join(each["text"] for each in verdict["evidence"])
        assert "Error: " in quoted, f"the traceback's last line is missing: {quoted}"
        call.dispatch_again()
        fault.cleared(call.ask)


@pytest.mark.long  # the cause is injected in another way, too, and is among the recorded histories
def test_the_job_process_ends_by_itself(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("job", "job-killed", "the job process ends with exit code 1 in a call")
    with Call(faulty, fault="exit") as call:
        fault.breaks()
        fault.named(call.ask)
        call.dispatch_again()
        fault.cleared(call.ask)


def test_the_job_never_connects(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("job", "job-not-connected", "the entrypoint hangs before ctx.connect()")
    with Call(faulty, fault="hang_before_connect") as call:
        fault.breaks()
        fault.named(call.ask)
        call.dispatch_again()
        fault.cleared(call.ask)


def test_the_job_process_is_killed(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("job", "job-killed", "kill -9 of the job process in a call")
    with Call(faulty) as call:
        call.listening()
        job_process(faulty).kill()
        fault.breaks()
        verdict = fault.named(call.ask)
        assert "9" in " ".join(each["text"] for each in verdict["evidence"]), verdict
        call.dispatch_again()
        call.answered("hello")
        fault.cleared(call.ask)
