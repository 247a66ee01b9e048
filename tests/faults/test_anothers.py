"""What goes wrong in a worker that is not ours and was never changed: each cause, injected."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.anothers.stock import AnotherCall, stock_worker
from tests.faults.conftest import NewFault
from tests.faults.fault import Verdict
from tests.faults.injected import models_fail
from tests.running_system import System
from tests.system.checkout import wait_for

TAKEN_S = 7.0
"""The server names the first job of a worker after 5 s."""
WORDS = "my favorite color is green"


def test_its_speech_to_text_refuses(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("transcribe", "stt-fails", "a stock worker's speech-to-text answers 400")
    with stock_worker(faulty, tmp_path), AnotherCall(faulty) as call:
        call.listening()
        with models_fail(faulty, "transcriptions", status=400):
            call.say(WORDS)
            fault.breaks()
            verdict = fault.named(call.ask)
            assert "400" in verdict["sentence"], verdict
            assert "its worker" in verdict["next"], verdict
        call.answered_by_words(WORDS)
        fault.cleared(call.ask)


def test_its_language_model_cannot_be_reached(
    faulty: System, new_fault: NewFault, tmp_path: Path
) -> None:
    fault = new_fault("think", "model-unreachable", "a stock worker's model is at a closed port")
    with ExitStack() as ends:
        with stock_worker(faulty, tmp_path, fault="llm-away"):
            call = ends.enter_context(AnotherCall(faulty))
            call.listening()
            call.say(WORDS)
            fault.breaks()
            verdict = fault.named(call.ask, within_s=6.0)  # the framework tries four times
            assert "Connection error" in verdict["sentence"], verdict
        with stock_worker(faulty, tmp_path), AnotherCall(faulty) as well:
            well.listening()
            well.answered_by_words(WORDS)
            fault.cleared(well.ask)


def test_its_language_model_refuses(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("think", "model-fails", "a stock worker's model answers 400")
    with stock_worker(faulty, tmp_path), AnotherCall(faulty) as call:
        call.listening()
        with models_fail(faulty, "chat", status=400):
            call.say(WORDS)
            fault.breaks()
            assert "400" in fault.named(call.ask)["sentence"]
        call.answered_by_words(WORDS)
        fault.cleared(call.ask)


def test_its_language_model_is_stuck(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("think", "no-first-token", "a stock worker's model does not answer")
    with stock_worker(faulty, tmp_path), AnotherCall(faulty) as call:
        call.listening()
        with models_fail(faulty, "chat", delay_s=30):
            call.say(WORDS)
            wait_for("it thinks", lambda: call.caller.agent_state == "thinking", 10.0)
            fault.breaks()
            fault.named(call.ask, within_s=6.0)
        call.answered_by_words(WORDS)
        fault.cleared(call.ask)


def test_its_key_is_refused(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "provider-key-rejected", "a stock worker's model answers 401")
    with stock_worker(faulty, tmp_path), AnotherCall(faulty) as call:
        call.listening()
        with models_fail(faulty, "chat", status=401):
            call.say(WORDS)
            fault.breaks()
            assert "its worker" in fault.named(call.ask)["next"]
        call.answered_by_words(WORDS)
        fault.cleared(call.ask)


def test_its_text_to_speech_refuses(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("speak", "tts-fails", "a stock worker asks for a voice that is not there")
    with ExitStack() as ends:
        with stock_worker(faulty, tmp_path, fault="tts-refuses"):
            call = ends.enter_context(AnotherCall(faulty))
            call.listening()
            call.say(WORDS)
            fault.breaks()
            # Its framework waits for up to 2.5 s whether the caller goes on.
            verdict = fault.named(call.ask, within_s=8.0)
            assert "has no voice 'nobody'" in verdict["sentence"], verdict
        with stock_worker(faulty, tmp_path), AnotherCall(faulty) as well:
            well.listening()
            well.answered_by_words(WORDS)
            fault.cleared(well.ask)


def test_its_entrypoint_crashes(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("job", "job-not-connected", "a stock worker's entrypoint raises at once")
    with (
        stock_worker(faulty, tmp_path, fault="crashes"),
        AnotherCall(faulty) as call,
    ):
        fault.breaks()
        verdict = fault.named(call.ask, within_s=TAKEN_S)
        assert "traceback" in verdict["next"], verdict


def test_it_loads_for_long_before_it_registers(
    faulty: System, new_fault: NewFault, tmp_path: Path
) -> None:
    fault = new_fault("dispatch", "no-worker-registered", "a stock worker that loads for 20 s")
    with ExitStack() as ends:
        starts = ThreadPoolExecutor(1).submit(
            ends.enter_context, stock_worker(faulty, tmp_path, fault="prewarms-long")
        )
        call = ends.enter_context(AnotherCall(faulty))
        fault.breaks()
        assert "still loading" in fault.named(call.ask, within_s=TAKEN_S)["next"]
        starts.result()
        call.ask_again()
        call.listening()
        fault.cleared(call.ask)


def test_it_joins_and_says_nothing(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("join", "session-not-started", "a stock worker connects, and starts nothing")
    with stock_worker(faulty, tmp_path, fault="says-nothing"), AnotherCall(faulty) as call:
        call.until(lambda caller: caller.agent_count == 1)
        fault.breaks()
        assert "session.start" in fault.named(call.ask, within_s=6.0)["next"]


def test_it_has_another_name(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("dispatch", "no-worker-registered", "an agent of a name that nobody has")
    with stock_worker(faulty, tmp_path):
        with AnotherCall(faulty, name="stock-workr") as call:
            fault.breaks()
            verdict = fault.named(call.ask, within_s=TAKEN_S)
            assert "“stock-workr”" in verdict["sentence"], verdict
        with AnotherCall(faulty) as well:
            well.listening()
            fault.cleared(well.ask)


def test_it_is_full(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("dispatch", "no-worker-registered", "a stock worker that is full")
    with stock_worker(faulty, tmp_path, fault="full"), AnotherCall(faulty) as call:
        fault.breaks()
        verdict = fault.named(call.ask, within_s=TAKEN_S)
        assert "takes no more jobs" in verdict["sentence"], verdict


def test_two_workers_have_its_name(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("job", "two-workers", "two stock workers of one name, calls in turn")
    with (
        stock_worker(faulty, tmp_path),
        stock_worker(faulty, tmp_path),
        ExitStack() as ends,
    ):
        fault.breaks()
        for _ in range(8):
            call = ends.enter_context(AnotherCall(faulty))
            call.listening()
            wait_for("its worker is known", lambda: _job(call)["state"] == "ok", 12.0)  # noqa: B023
            if _job(call)["cause"] == "two-workers":
                break
        fault.breaks()
        assert "2 workers" in fault.named(call.ask, state="ok")["sentence"]


def _job(call: AnotherCall) -> Verdict:
    verdict: Verdict
    (verdict,) = [each for each in call.ask()["verdicts"] if each["stage"] == "job"]
    return verdict
