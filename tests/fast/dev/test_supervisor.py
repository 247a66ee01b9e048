"""Ready means the recorded program itself, not whoever answers on its port."""

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from common import process_records
from common.process_records import FAILED, READY, STARTING, Identity, ProcessRecord
from common.redaction import Redactor
from dev.services import CHECKOUT, SERVICES
from dev.supervisor.process_log import ErrorCount, ProcessLog
from dev.supervisor.program import Program
from dev.supervisor.status_writer import StatusWriter
from dev.supervisor.supervisor import Supervisor
from dev.supervisor.takeover import FileTimes


def _program(pid: int) -> Program:
    return cast(Program, SimpleNamespace(identity=Identity.of(pid)))


async def test_a_program_that_fails_again_and_again_before_it_is_ready_is_recorded_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ProcessLog(tmp_path, "proxy")
    status = StatusWriter(tmp_path, ProcessRecord("proxy", STARTING), log, Redactor())
    supervisor = Supervisor(SERVICES["proxy"], {}, {}, status, lambda _: None, FileTimes({}, {}))
    errors = log.errors = ErrorCount()
    errors.line, errors.times = "the key is refused", 4
    answers: list[str | None] = ["not registered", None]
    recorded: list[ProcessRecord | None] = []
    answered = asyncio.Event()

    async def question(_: Program) -> str | None:
        recorded.append(process_records.read(tmp_path, "proxy"))
        if len(answers) == 1:
            answered.set()
        return answers.pop(0)

    monkeypatch.setattr(supervisor, "_question", question)
    watch = asyncio.create_task(supervisor._watch(_program(os.getpid())))
    await answered.wait()
    await asyncio.sleep(0)
    watch.cancel()
    log.close()

    again = recorded[1]
    assert again is not None
    assert again.repeats == 4
    assert again.detail == (
        "not registered; its log has the same error 4 times: the key is refused"
    )
    assert (status.now, status.record.repeats) == (READY, 0), "what is ready has no such past"
    assert log.errors is None


@pytest.mark.parametrize("mended", ["not yet", ".env", "the code"])
async def test_what_was_mended_before_it_was_said_to_have_failed_is_tried_again(
    mended: str, tmp_path: Path
) -> None:
    log = ProcessLog(tmp_path, "proxy")
    status = StatusWriter(tmp_path, ProcessRecord("proxy", STARTING), log, Redactor())
    tried = FileTimes.of(SERVICES["proxy"])
    if mended == ".env":
        tried.settings[str(CHECKOUT / ".env")] = 1.0
    elif mended == "the code":
        tried.code[str(CHECKOUT / "proxy" / "settings.py")] = 1.0
    begun = asyncio.Event()
    supervisor = Supervisor(SERVICES["proxy"], {}, {}, status, lambda _: begun.set(), tried)
    failing = asyncio.create_task(supervisor.run([".env line 3 is no setting"], "env-malformed"))
    await asyncio.sleep(0.05)
    failing.cancel()
    log.close()
    assert status.now == FAILED
    assert begun.is_set() == (mended != "not yet")
