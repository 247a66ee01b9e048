"""What the worker counts, read back as Prometheus reads it, and the alerts made of it."""

from __future__ import annotations

import shutil
import subprocess

from agent.worker.metrics import WorkerMetrics
from tests.fast.agent.test_metrics import read
from tests.running_system import ROOT


def test_the_job_processes_are_watched() -> None:
    metrics = WorkerMetrics()
    metrics.watch_processes()
    before = read(metrics)["voice_job_processes"]
    with subprocess.Popen(["sleep", "30"]) as child:
        samples = read(metrics)
        child.kill()
    assert samples["voice_job_processes"] == before + 1
    assert samples["voice_job_processes_memory_bytes"] > 0


def test_the_alert_rules_do_what_their_tests_say() -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: `apt-get install prometheus` (./scripts/test does it)"
    subprocess.run(
        [promtool, "test", "rules", "alerts.test.yml"],
        cwd=ROOT / "dev" / "monitoring",
        check=True,
        timeout=60,
    )
