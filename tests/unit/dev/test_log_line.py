"""Lines of logs as JSON and as text, whoever wrote them."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from dev.ending import Ending
from dev.log_line import OWN, as_json, as_text, fitted
from dev.logs import BEGINS, Log
from dev.waiting import last_lines

OURS = json.dumps(
    {
        "time": "2026-11-21T18:00:00.123Z",
        "level": "ERROR",
        "process": "agent",
        "logger": "agent.job",
        "message": "the entrypoint failed",
        "room": "r",
        "error": "Traceback (most recent call last):\n"
        '  File "/checkout/agent/job.py", line 12, in begin\n'
        "ValueError: no such thing",
    }
)
LIVEKITS = json.dumps(
    {
        "level": "info",
        "ts": 1795284000.1234,
        "logger": "livekit.agents",
        "caller": "agentservice.go:1",
        "msg": "assigned job",
        "room": "r",
        "jobID": "AJ_1",
    }
)


def test_what_has_all_is_left_as_it_is() -> None:
    assert as_json(OURS, "agent") == OURS


def test_the_line_of_another_program_gets_our_names() -> None:
    line = json.loads(as_json(LIVEKITS, "livekit"))
    told = [line[name] for name in OWN]
    assert told == ["2026-11-21T18:00:00.123Z", "INFO", "livekit", "livekit.agents", "assigned job"]
    assert (line["room"], line["job"], line["caller"]) == ("r", "AJ_1", "agentservice.go:1")


@pytest.mark.parametrize(
    ("line", "level", "logger", "message"),
    [
        ("18:00:00.123 WARNING preparing: slow: 3 s", "WARNING", "preparing", "slow: 3 s"),
        ("Traceback (most recent call last):", "INFO", "models", None),
        ('{"cut off": ', "INFO", "models", None),
        ("{}", "INFO", "models", ""),
        ("[1, 2]", "INFO", "models", None),
    ],
)
def test_any_line_becomes_json(line: str, level: str, logger: str, message: str | None) -> None:
    found = json.loads(as_json(line, "models"))
    assert datetime.fromisoformat(found["time"]).tzinfo is not None
    assert (found["level"], found["logger"], found["process"]) == (level, logger, "models")
    assert found["message"] == (line if message is None else message)


def test_what_is_long_in_a_line_is_cut_and_says_so() -> None:
    offer = {"sdp": "x" * 20_000}
    line = json.dumps({**json.loads(LIVEKITS), "offer": offer, "stats": "y" * 20_000})
    found = json.loads(fitted(as_json(line, "livekit"), 16_000))
    assert (found["message"], found["room"], found["job"]) == ("assigned job", "r", "AJ_1")
    assert found["offer"].endswith("characters cut]") and found["stats"].startswith("yyy")
    assert len(json.dumps(found)) < 16_000


def test_json_is_read_as_text_with_its_traceback() -> None:
    first, *rest = as_text(OURS)
    assert first.endswith(" ERROR agent.job: the entrypoint failed")
    assert rest[-1] == "ValueError: no such thing"
    assert list(as_text("just words")) == ["just words"]


def test_a_log_in_json_is_json_and_still_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(tmp_path, "agent", json=True)
    log.say(BEGINS)
    log.program(b"")
    log.program(b"18:00:00.123 INFO agent: begins")
    log.program(OURS.encode())
    log.program(b"Traceback (most recent call last):")
    log.program(b"x" * 20_000)
    log.close()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["logger"] for line in lines] == ["launcher", "agent", "agent.job", *["agent"] * 2]
    assert log.path.read_text().splitlines() == [*map(_dumped, lines)]
    ending = Ending.of(1, log.tail(50)[:-2])
    assert log.tail(2)[0] == "Traceback (most recent call last):", "as it was said"
    assert str(ending) == "ended with exit code 1: ValueError: no such thing"
    assert 'File "/checkout/agent/job.py", line 12, in begin' in ending.log
    told = Log.since_start(last_lines(log.path, 10))
    assert told[0].endswith(" INFO agent: begins"), told


def _dumped(line: dict[str, str]) -> str:
    return json.dumps(line, ensure_ascii=False) if line["logger"] != "agent.job" else OURS
