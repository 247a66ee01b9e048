"""The doctor's report: what it says, in which form, also without packages."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from common.probe import Finding
from common.redaction import Redactor
from dev.doctor import __main__ as program
from dev.doctor import report
from dev.doctor.consequences import apart
from dev.doctor.context import Context
from dev.doctor.full import next_step
from dev.doctor.report import FOLLOWS, Report
from dev.services import services
from proxy.verdicts.verdict import Evidence, Verdict

OK = asdict(Verdict("system", "ok", "Every process is ready."))


DOWN = asdict(
    Verdict(
        "system",
        "failing",
        "livekit-server is not running.",
        "livekit-down",
        "start it",
        (Evidence("it says so", "livekit.log"),),
    )
)


def report_of(
    *findings: Finding, verdict: dict[str, Any] | None = OK, next_step: str = ""
) -> Report:
    return Report(list(findings), verdict, next_step, 1.2)


def test_all_is_well_only_when_nothing_fails_and_the_system_is_ok() -> None:
    fine, bad = Finding("ports", "a", "warn"), Finding("ports", "b", "fail")

    assert report_of(fine).well
    assert not report_of(fine, bad).well
    assert not report_of(fine, verdict=DOWN).well
    assert not report_of(fine, verdict=None).well


def test_the_lines_are_grouped_aligned_and_end_with_verdict_and_next_step() -> None:
    told = list(
        report.lines(
            report_of(
                Finding("versions", "python", "ok", "3.11.7"),
                Finding("ports", "7880 tcp livekit", "fail", "held", "end it", ms=12.4),
                Finding("ports", "hidden", "ok", "free", quiet=True),
                verdict=DOWN,
                next_step="start it",
            ),
            colour=False,
            verbose=False,
        )
    )

    assert told == [
        "",
        "versions",
        "  ok    python                        3.11.7",
        "",
        "ports",
        "  FAIL  7880 tcp livekit              held  (12 ms)",
        "                                      → end it",
        "",
        "system: failing [livekit-down]: livekit-server is not running.",
        "  livekit.log: it says so",
        "next: start it",
        "(1.2 s)",
    ]


def test_colour_and_hidden_lines_come_only_when_wanted() -> None:
    found = report_of(Finding("ports", "hidden", "ok", "free", quiet=True))

    assert "\x1b[" not in "".join(report.lines(found, colour=False, verbose=True))
    assert "\x1b[" in "".join(report.lines(found, colour=True, verbose=True))
    assert "hidden" not in "".join(report.lines(found, colour=False, verbose=False))
    assert "hidden" in "".join(report.lines(found, colour=False, verbose=True))


def test_wrong_settings_come_first_then_the_verdict_then_whatever_fails() -> None:
    setting = Finding("settings", "problem", "fail", "PORT is not a number.", "correct it")
    model = Finding("models", "chat model", "fail", "refused", "start that server")
    stopped = Finding("processes", "livekit", "fail", "stopped: not started", "start livekit")

    assert next_step([model, setting], DOWN) == "PORT is not a number. Correct it"
    assert next_step([model], DOWN) == "start it"
    assert next_step([model], OK) == "start that server"
    assert "./restart_voice_system.sh" in next_step([model, stopped], DOWN)
    assert next_step([Finding("ports", "a", "ok")], OK) == ""


def test_findings_are_sorted_by_group_and_otherwise_stay() -> None:
    first, second = Finding("ports", "b", "ok"), Finding("ports", "a", "ok")

    shown = report.redacted([Finding("machine", "c", "ok"), first, second], Redactor())

    assert shown[:2] == [first, second]


def test_a_bundle_is_never_written_over_something(tmp_path: Path) -> None:
    (tmp_path / "there.zip").write_text("mine")

    for wrong in (
        ["--bundle", "there.zip"],
        ["--bundle", "no-folder/a.zip"],
        ["--transcripts"],
        ["--what"],
        ["http://localhost:9000", "--bundle", "new.zip"],
        ["http://localhost:9000", "--offline"],
    ):
        with pytest.raises(SystemExit) as ended:
            program.parse(["--folder", str(tmp_path), *wrong])
        assert ended.value.code == 2
    assert program.parse(["--folder", str(tmp_path), "--bundle", "new.zip"]).bundle == (
        tmp_path / "new.zip"
    )


def _checkout(refusals: dict[str, tuple[str, str]]) -> Context:
    """Only what the telling apart of consequences reads."""
    return cast(Context, SimpleNamespace(refusals=refusals, monitors=()))


def test_what_follows_from_one_wrong_setting_is_told_apart() -> None:
    refused = "connection refused: nothing listens there"
    found = [
        Finding("settings", "problem", "fail", "LIVEKIT_API_SECRET has 18 characters", "correct"),
        Finding("ports", "7880 tcp livekit", "ok", "free"),
        *(Finding("processes", name, "fail", "stopped: no answer", "x") for name in services()),
        Finding("network", "SFU connection (TCP)", "fail", f"localhost:7880: {refused}", "x"),
        Finding("models", "chat model", "fail", refused, "x"),
        Finding("models", "speech-to-text", "fail", "http://elsewhere answered 401", "x"),
        Finding("worker", "registration", "fail", refused, "x"),
    ]
    shown = apart(found, _checkout({"livekit": ("settings", "too short")}))
    assert [one.what for one in shown if one.state == "fail"] == ["problem", "speech-to-text"]
    followed = [one for one in shown if one.group == FOLLOWS]
    assert len(followed) == 8
    assert all(one.detail.startswith("from the settings: ") for one in followed)


def test_a_port_that_is_taken_is_the_cause_of_what_waits_for_its_program() -> None:
    found = [
        Finding("ports", "7880 tcp livekit", "fail", "held by pid 1", "end it"),
        *(Finding("processes", name, "fail", "stopped", "x") for name in ("livekit", "agent")),
    ]
    shown = apart(found, _checkout({}))
    assert [(one.what, one.state) for one in shown] == [
        ("7880 tcp livekit", "fail"),
        ("livekit does not run", "skip"),
        ("agent does not run", "skip"),
    ]


def test_a_program_that_does_not_run_for_no_known_reason_is_a_cause_itself() -> None:
    found = [
        Finding("processes", "livekit", "ok", "ready"),
        Finding("processes", "models", "fail", "failed: it ended", "x"),
        Finding("processes", "agent", "warn", "starting: waits for models", "x"),
    ]
    shown = apart(found, _checkout({}))
    assert [(one.what, one.state) for one in shown] == [
        ("livekit", "ok"),
        ("models", "fail"),
        ("agent does not run", "skip"),
    ]


def test_that_nothing_runs_is_one_failure() -> None:
    found = [Finding("processes", name, "fail", "stopped: no answer", "x") for name in services()]
    shown = apart(found, _checkout({}))
    assert [(one.what, one.next) for one in shown if one.state == "fail"] == [
        ("system", "./restart_voice_system.sh")
    ]
    assert len(shown) == 1 + len(found)
