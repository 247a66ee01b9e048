"""What the worker counts, read back as Prometheus reads it, and the alerts made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.worker.metrics import WorkerMetrics, shares
from tests.running_system import ROOT


def event(stage: str, name: str, **data: Any) -> dict[str, Any]:
    return {"at": 1.0, "room": "r", "source": "agent", "stage": stage, "name": name, "data": data}


def read(metrics: WorkerMetrics) -> dict[str, float]:
    """Every sample as `name{VALUE,…}` → value, the labels in order of their names."""
    return {
        f"{sample.name}{{{','.join(dict(sorted(sample.labels.items())).values())}}}"
        if sample.labels
        else sample.name: (sample.value)
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_a_call_is_counted_from_its_events() -> None:
    metrics = WorkerMetrics()
    marks = {
        "end_of_utterance": 300,
        "transcript": 200,
        "first_token": 500,
        "tts_first_byte": 600,
        "first_sound": 750,
    }
    for one in (
        event("job", "accepted", job_id="j", worker_id="w"),
        event("job", "retry", what="connect", attempt=1, of=5, error="refused"),
        event("job", "ctx_connected", elapsed_ms=120),
        event("job", "init_done", elapsed_ms=260.5),
        event("hear", "vad", backend="silero"),
        event("think", "error", message="gone", kind="gone"),
        event("play", "turn", reply="Hello.", interrupted=False, ms=marks),
        event("play", "turn", reply="Hel", interrupted=True, ms={}),
        event("job", "process_ended", exit_code=None, signal="SIGKILL"),
    ):
        metrics.observe(one)
    samples = read(metrics)
    assert samples["voice_calls_total{accepted}"] == 1
    assert samples["voice_retries_total{connect}"] == 1
    assert samples["voice_job_start_seconds_sum{init_done}"] == pytest.approx(0.2605)
    assert samples["voice_vad_loads_total{loaded}"] == 1
    assert samples["voice_provider_errors_total{gone,letta}"] == 1
    assert samples["voice_turns_total{spoken}"] == 1
    assert samples["voice_turns_total{interrupted}"] == 1
    assert samples["voice_job_exits_total{SIGKILL}"] == 1
    assert samples["voice_stage_seconds_sum{turn}"] == pytest.approx(0.75)
    assert samples["voice_stage_seconds_sum{think}"] == pytest.approx(0.2)


def test_shares_of_a_turn_whose_marks_are_not_all_there() -> None:
    assert dict(shares({"first_token": 500, "tts_first_byte": 600})) == {
        "speak": pytest.approx(0.1)
    }
    assert dict(shares({"first_sound": None})) == {}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"stage": "play", "name": "turn", "data": None},
        event("play", "turn", ms=[1]),
        event("job", "ctx_connected", elapsed_ms="soon"),
        event("speak", "error"),
        {"stage": ["x"], "name": {}, "data": {}},
    ],
)
def test_an_odd_event_disturbs_nothing(odd: dict[str, Any]) -> None:
    metrics = WorkerMetrics()
    metrics.observe(json.loads(json.dumps(odd)))
    assert metrics.text()


def test_the_alert_rules_ask_only_for_figures_that_exist() -> None:
    metrics = WorkerMetrics()
    rules = (ROOT / "dev" / "monitoring" / "alerts.yml").read_text()
    exported = {family.name for family in text_string_to_metric_families(metrics.text().decode())}
    asked = {
        word.split("{")[0].split("[")[0].removesuffix("_total").removesuffix("_sum")
        .removesuffix("_count")
        for word in rules.replace("(", " ").split()
        if word.startswith("voice_") and ("{" in word or "[" in word)
    }  # fmt: skip
    assert asked
    assert asked <= exported
