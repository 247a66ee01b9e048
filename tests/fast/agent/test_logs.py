"""The worker's log lines: whose they are, in both forms, and that no secret is in them."""

from __future__ import annotations

import json
import logging
import pickle
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from livekit.agents.ipc.log_queue import LogQueueHandler
from livekit.agents.utils.aio.duplex_unix import _Duplex

from common import logs
from common.logs import JsonFormatter, LineFormatter

SECRET = 'se"cret-of-livekit'


def record(message: str, *args: object, error: Exception | None = None, **extra: Any) -> Any:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.getLogger("agent.job").makeRecord(
        "agent.job", logging.WARNING, "f", 1, message, args, exc_info, extra=extra
    )


def told(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter([SECRET]).format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.fixture
def failed() -> Iterator[Exception]:
    try:
        raise ValueError(f"no such thing as {SECRET}")
    except ValueError as error:
        yield error


def test_a_line_of_json_says_all_that_is_known() -> None:
    line = told(record("two\nlines of %s", "words", job_id="AJ_1", room="r", pid=7, delay=0.5))
    assert line["time"].endswith("Z") and "T" in line["time"]
    assert (line["level"], line["process"], line["logger"]) == ("WARNING", "agent", "agent.job")
    assert line["message"] == "two\nlines of words"
    assert (line["room"], line["job"], line["pid"], line["delay"]) == ("r", "AJ_1", 7, 0.5)


def test_a_traceback_stays_in_its_field_and_tells_no_secret(failed: Exception) -> None:
    line = told(record("it failed", error=failed))
    assert line["message"] == "it failed"
    assert line["error"].splitlines()[0] == "Traceback (most recent call last):"
    assert line["error"].endswith("ValueError: no such thing as ***")


@pytest.mark.parametrize("formatter", [LineFormatter, JsonFormatter])
def test_no_secret_is_in_a_line(formatter: type[LineFormatter], failed: Exception) -> None:
    odd = {"message_of": SECRET, "ratio": float("nan"), "level": "mine", "time": object()}
    made = record("key %s", SECRET, error=failed, **odd)
    line = formatter([SECRET]).format(made)
    assert "cret-of-livekit" not in line
    assert line.count("***") == 3


def test_what_is_passed_does_not_hide_what_a_line_is() -> None:
    line = told(record("words", level="mine", time="never", error=ValueError("x")))
    assert (line["level"], line["message"]) == ("WARNING", "words")
    assert line["time"] != "never"


@pytest.mark.parametrize("job", ["json", "text"])
def test_an_entry_of_a_job_process_has_its_traceback_once(job: str, failed: Exception) -> None:
    ours, theirs = socket.socketpair()
    handler = LogQueueHandler(_Duplex.open(theirs))
    listening = _Duplex.open(ours)
    handler.emit(record("it failed", error=failed))
    sent = pickle.loads(listening.recv_bytes())
    handler.close()
    listening.close()
    line = (JsonFormatter() if job == "json" else LineFormatter()).format(sent)
    assert line.count("Traceback") == 1
    if job == "json":
        assert json.loads(line)["message"] == "it failed"


def test_what_is_logged_about_a_job_says_so() -> None:
    with logs.call_context("r", "AJ_1"):
        line = told(record("accepted"))
        assert LineFormatter().format(record("accepted")).endswith("accepted room=r job=AJ_1")
    assert (line["room"], line["job"]) == ("r", "AJ_1")
    assert "room" not in told(record("no call"))
