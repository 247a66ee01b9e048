"""The doctor's parts: what it takes for settings, and what it says, also without packages."""

from __future__ import annotations

import argparse
import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from common.detour import Detour
from common.probe import Finding
from common.redaction import Redactor
from dev.bootstrap import venvs
from dev.doctor import __main__ as program
from dev.doctor import configuration, context, minimal, report, system
from dev.doctor.full import next_step
from dev.doctor.models import Models, wav
from dev.doctor.preflight import predicted
from dev.doctor.report import Report
from proxy.probes.question import new_session
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult, Process, SystemHealth
from proxy.verdicts.verdict import Evidence, Verdict
from tests.system import free_ports

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

    assert next_step([model, setting], DOWN) == "PORT is not a number. correct it"
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


def test_looking_checkout_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"

    checkout = context.read({"VOICE_HOME": str(home), "PATH": "/bin"}, tmp_path / ".env")

    assert not home.exists()
    assert checkout.problems == []
    assert checkout.settings.livekit_credentials is None
    assert checkout.settings.process_status_dir == home / "run"
    assert checkout.sources["VOICE_HOME"] == "exported"
    assert checkout.sources["LIVEKIT_URL"] == "derived"


def test_a_broken_dotenv_file_is_told_and_the_rest_of_it_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROXY_PORT=9123\nthis is no assignment\nAGENT_PORT=many\n")

    checkout = context.read({"VOICE_HOME": str(tmp_path / "home")}, tmp_path / ".env")

    assert checkout.settings.proxy_port == 9123
    assert any(".env line 2" in problem for problem in checkout.problems), checkout.problems
    assert any("AGENT_PORT" in problem for problem in checkout.problems), checkout.problems


def test_a_wrong_value_is_told_and_then_counts_as_not_set(tmp_path: Path) -> None:
    checkout = context.read({"VOICE_HOME": str(tmp_path), "PROXY_PORT": "many"}, tmp_path / ".env")

    assert checkout.settings.proxy_port == 9000
    assert any("PROXY_PORT" in problem for problem in checkout.problems)


async def test_settings_show_no_secret_and_name_what_is_misspelt(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OPENAI_API_KEY=made-up-key-of-openai\nLIVEKIT_AGENT_NAM=x\nSOMETHING_ELSE=1\n"
        "DATABASE_URL=postgres://u:made-up-word@localhost/db\n"
    )
    checkout = context.read({"VOICE_HOME": str(tmp_path / "home")}, tmp_path / ".env")

    found = {each.what: each for each in await configuration.check(checkout)}

    assert "made-up" not in repr(found)
    assert found["OPENAI_API_KEY"].detail == "set, 21 characters (.env line 1)"
    assert found["LIVEKIT_AGENT_NAM"].state == "warn"
    assert "LIVEKIT_AGENT_NAME" in found["LIVEKIT_AGENT_NAM"].next
    assert "SOMETHING_ELSE" not in found
    assert not found["DATABASE_URL"].quiet
    assert found["VAD_THRESHOLD"].quiet


async def proxy_line(checkout: context.Context, name: str) -> Finding:
    (line,) = [each for each in await configuration.check(checkout) if each.what == name]
    return line


async def test_a_network_proxy_that_is_gone_is_told_with_what_is_asked_through_it(
    tmp_path: Path,
) -> None:
    (nobody,) = free_ports(1)
    exported = {
        "HTTPS_PROXY": f"http://user:made-up-word@127.0.0.1:{nobody}",
        "LIVEKIT_URL": "wss://sfu.example.org",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "s" * 40,
    }

    line = await proxy_line(checkout_of(tmp_path, **exported), "HTTPS_PROXY")
    exempt = checkout_of(tmp_path, **exported, NO_PROXY="example.org")

    assert line.state == "fail"
    assert "LIVEKIT_URL" in line.detail and "nothing answers there" in line.detail
    assert line.next.startswith("unset HTTPS_PROXY, or add sfu.example.org to NO_PROXY")
    assert (await proxy_line(exempt, "HTTPS_PROXY")).state == "ok"


async def test_a_network_proxy_through_which_nothing_is_asked_is_well(tmp_path: Path) -> None:
    line = await proxy_line(checkout_of(tmp_path, http_proxy="http://127.0.0.1:1"), "http_proxy")

    assert line.state == "ok"
    assert "nothing is asked through it" in line.detail


async def test_the_variable_that_sends_the_worker_elsewhere_is_not_called_well() -> None:
    lines = [
        Finding("settings", "HTTPS_PROXY", "ok", "http://127.0.0.1:3128; nothing is asked"),
        Finding("settings", "SPEECH", "ok", "offline"),
    ]
    elsewhere = Detour("ws://localhost:7880", "127.0.0.1:3128", "HTTPS_PROXY")

    blamed, other = configuration.blame(lines, elsewhere)

    assert (blamed.state, other) == ("fail", lines[1])
    assert "it asked 127.0.0.1:3128" in blamed.detail
    assert next_step([blamed, other], DOWN).startswith("HTTPS_PROXY: http://127.0.0.1:3128")
    assert "Unset HTTPS_PROXY" in next_step([blamed, other], DOWN)
    assert configuration.blame(lines, None) == lines


@pytest.mark.parametrize(
    ("mode", "text", "state"),
    [
        (0o644, "OPENAI_API_KEY=made-up\nSPEECH=openai\n", "warn"),
        (0o640, "SMTP_PASS=made-up\n", "warn"),
        (0o600, "OPENAI_API_KEY=made-up\n", None),
        (0o644, "SPEECH=offline\nOPENAI_API_KEY=\n", None),
    ],
)
async def test_secrets_that_others_may_read_are_told_with_the_command_that_mends_it(
    tmp_path: Path, mode: int, text: str, state: str | None
) -> None:
    checkout = checkout_of(tmp_path, text)
    (tmp_path / ".env").chmod(mode)

    findings = {finding.what: finding for finding in await configuration.check(checkout)}

    assert (findings[".env"].state if ".env" in findings else None) == state
    if state:
        assert text.partition("=")[0] in findings[".env"].detail
        assert "made-up" not in findings[".env"].detail
        assert findings[".env"].next == f"chmod 600 {tmp_path / '.env'}"


def checkout_of(tmp_path: Path, dotenv: str = "", **exported: str) -> context.Context:
    (tmp_path / ".env").write_text(dotenv)
    return context.read({"VOICE_HOME": str(tmp_path / "h"), **exported}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("dotenv", "exported", "cause"),
    [
        ("nonsense\n", {}, "env-malformed"),
        ("", {"MODELS_PORT": "many"}, "settings"),
        ("", {"LIVEKIT_API_KEY": "half of a pair"}, "credentials-missing"),
        ("", {}, "port-taken"),
    ],
)
def test_what_would_keep_a_stopped_system_from_starting_is_predicted(
    tmp_path: Path, dotenv: str, exported: dict[str, str], cause: str
) -> None:
    checkout = checkout_of(tmp_path, dotenv, **exported)
    health = SystemHealth({"models": Process("models", "stopped", "not started")})
    held = Finding("ports", "8090 tcp models", "fail", "port 8090 is held by pid 7")

    process = predicted(health, checkout, [held]).processes["models"]

    assert process.state == "failed"
    assert process.cause == cause
    assert process.detail


def test_of_a_process_that_runs_nothing_is_predicted(tmp_path: Path) -> None:
    checkout = checkout_of(tmp_path, "nonsense\n")
    health = SystemHealth({"models": Process("models", "ready", "ready on port 8090")})

    assert predicted(health, checkout, []) == health


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def run_minimal(
    home: Path, error: Exception, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, object]]:
    wanted = argparse.Namespace(json=True, verbose=False, bundle=None, transcripts=False)
    code = minimal.run(wanted, {"VOICE_HOME": str(home), "PATH": "/usr/bin:/bin"}, error)
    return code, json.loads(capsys.readouterr().out)


def test_without_packages_it_says_what_it_can_and_how_to_make_it_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("LIVEKIT_PORT=1\nno assignment\n")
    monkeypatch.setattr(minimal, "DOTENV", dotenv)
    home = tmp_path / "home"
    error = ModuleNotFoundError("No module named 'pydantic'", name="pydantic")

    code, told = run_minimal(home, raised(error), capsys)

    assert code == 1
    assert not home.exists()
    verdict = told["verdict"]
    assert isinstance(verdict, dict)
    assert verdict["cause"] == "packages-missing"
    assert "./scripts/setup" in verdict["next"]
    assert ".env line 2" in json.dumps(told["findings"])
    assert "not started" in json.dumps(told["findings"])


def test_a_mistake_in_our_own_code_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minimal, "DOTENV", tmp_path / ".env")
    monkeypatch.setattr(venvs, "complete", lambda *_: True)
    error = SyntaxError("invalid syntax", ("proxy/app.py", 12, 1, "x", None, None))

    _, told = run_minimal(tmp_path / "home", raised(error), capsys)

    verdict = told["verdict"]
    assert isinstance(verdict, dict)
    assert verdict["cause"] == "code-broken"
    assert verdict["sentence"] == "proxy/app.py, line 12 is no Python: invalid syntax."


def database(path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("CREATE TABLE calls (id TEXT)")
    return made


async def test_the_calls_database_is_tried_without_making_or_changing_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    settings = ProxySettings(calls_database=path)

    assert (await system.database(settings)).ok
    assert not path.exists()

    made = database(path)
    probe = await system.database(settings)
    assert probe.ok
    assert "calls in it: 0" in probe.detail

    made.execute("BEGIN EXCLUSIVE")
    assert (await system.database(settings)).problem == "locked"
    made.close()

    path.write_bytes(b"no database" * 1000)
    assert (await system.database(settings)).problem == "other"


async def test_a_postgres_that_is_not_there_is_told() -> None:
    address = SecretStr("postgresql://u:hidden@127.0.0.1:1/calls")
    probe = await system.database(ProxySettings(database_url=address))

    assert probe.problem == "refused"
    assert "hidden" not in repr(probe)


class OpenAi:
    """A provider as its own documentation describes it; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        self.stalls = False
        self.sound = b"\0\0" * 100

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self.asked.append(path)
        if self.status != 200:
            told = {"error": {"message": "Incorrect API key provided: sk-made-up-0123456789"}}
            return web.json_response(told, status=self.status)
        if path == "audio/transcriptions":
            form = await request.post()
            recording = form["file"]
            assert isinstance(recording, web.FileField)
            assert recording.file.read() == wav()
            return web.json_response({"text": "hm"})
        if path == "audio/speech":
            return web.Response(body=self.sound)
        return web.json_response({})


async def ask(provider: OpenAi, *, outside: bool = True) -> dict[str, ProbeResult]:
    async with TestServer(provider.app()) as server, new_session() as session:
        settings = ProxySettings(
            speech="openai",
            openai_api_key=SecretStr("sk-made-up-0123456789"),
            openai_base_url=f"http://127.0.0.1:{server.port}/v1",
        )
        facts = Models(settings, session, outside=outside, letta=True).facts()
        results = [await fact.ask() for fact in facts]
        return {result.name: result for result in results if result is not None}


async def test_each_model_is_called_once_and_timed() -> None:
    provider = OpenAi()

    probes = await ask(provider)

    assert sorted(provider.asked) == [
        "audio/speech",
        "audio/transcriptions",
        "chat/completions",
        "embeddings",
    ]
    assert all(probe.ok and probe.ms for probe in probes.values()), probes


@pytest.mark.parametrize(
    ("status", "problem"), [(401, "rejected"), (429, "rate-limited"), (500, "status")]
)
async def test_a_model_that_refuses_is_told_by_a_code(status: int, problem: str) -> None:
    provider = OpenAi()
    provider.status = status

    assert {probe.problem for probe in (await ask(provider)).values()} == {problem}


async def test_a_voice_that_says_nothing_does_not_work() -> None:
    provider = OpenAi()
    provider.sound = b""

    probe = (await ask(provider))["text-to-speech"]

    assert probe.problem == "other"
    assert "nothing" in probe.detail


async def test_models_elsewhere_are_not_called_when_that_is_not_wanted() -> None:
    async with new_session() as session:
        settings = ProxySettings(speech="openai", openai_api_key=SecretStr("x"))
        assert Models(settings, session, outside=False, letta=True).facts() == []
