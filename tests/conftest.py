"""Fixtures that every kind of test shares: one whole running system a test run."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from common import event_check
from tests.limits import Limits
from tests.machine import shared_with_others
from tests.running_system import System, new_system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full",
        action="store_true",
        help="the long form: also the tests marked `long`, and each thing broken several times",
    )
    parser.addoption("--seeds", type=int, help="of tests/faults/seeds: how many are drawn")
    parser.addoption("--seed", type=int, help="of tests/faults/seeds: only this one")
    parser.addoption(
        "--limits", action="store_true", help="fail when a test takes longer than a fast one may"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--limits") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Limits())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with shared_with_others(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """An AgentServer that runs in a test exports its LIVEKIT_URL and key for its own children;
    left there, they would reach every system that a later test starts."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _only_known_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of ours that is not as common/event_table.py has it fails the test that sends it."""
    monkeypatch.setattr(event_check, "strict", True)


@pytest.fixture
def any_events(_only_known_events: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of how events are carried, whatever they are."""
    monkeypatch.setattr(event_check, "strict", False)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The real thing, started once: livekit-server, models, Letta, worker, proxy."""
    running = new_system(tmp_path_factory.mktemp("voice"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
