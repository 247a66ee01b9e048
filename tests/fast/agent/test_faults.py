"""A job fails on purpose only when faults are allowed, and says so; the metadata of a dispatch is
read."""

from __future__ import annotations

import logging

import pytest

from agent.job.dispatch_metadata import DispatchMetadata, parse_metadata
from agent.job.faults import Faults
from tests.fast.agent.kept_events import collected


async def test_a_fault_is_refused_loudly_where_faults_are_not_allowed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, emitted = collected()
    with caplog.at_level(logging.ERROR):
        await Faults("raise", False, events).before_connect()
    assert "'raise', which is refused: FAULTS_ENABLED is not true" in caplog.text
    assert emitted == []


async def test_a_fault_that_there_is_not_is_told(caplog: pytest.LogCaptureFixture) -> None:
    events, emitted = collected()
    with caplog.at_level(logging.ERROR):
        await Faults("explode", True, events).before_connect()
    assert "there is no fault 'explode'" in caplog.text
    assert emitted == []


async def test_a_fault_announces_itself() -> None:
    events, emitted = collected()
    faults = Faults("raise", True, events)
    assert [(event["stage"], event["name"], event["data"]) for event in emitted] == [
        ("job", "fault", {"kind": "raise"})
    ]
    with pytest.raises(RuntimeError, match="on purpose"):
        await faults.before_connect()


async def test_a_job_without_a_fault_does_nothing_wrong() -> None:
    events, emitted = collected()
    faults = Faults(None, True, events)
    await faults.before_connect()
    await faults.before_session()
    assert emitted == []


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("", DispatchMetadata()),
        ("{}", DispatchMetadata()),
        ("[1]", DispatchMetadata()),
        ("not JSON", DispatchMetadata()),
        ('{"agent_id": ""}', DispatchMetadata()),
        ('{"agent_id": 7, "fault": 8}', DispatchMetadata()),
        ('{"agent_id": "agent-1"}', DispatchMetadata("agent-1")),
        ('{"agent_id": "agent-1", "fault": "exit"}', DispatchMetadata("agent-1", "exit")),
        ('{"caller_waits": true}', DispatchMetadata(caller_waits=True)),
        ('{"caller_waits": 1}', DispatchMetadata()),
    ],
)
def test_the_metadata_of_a_dispatch(metadata: str, expected: DispatchMetadata) -> None:
    assert parse_metadata(metadata) == expected
