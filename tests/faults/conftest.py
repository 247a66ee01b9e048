"""The system with fault injection switched on, browsers, and the table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from _pytest.mark import ParameterSet
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.faults.fault import Fault, of_system, until_well
from tests.faults.network import Network, new_network
from tests.faults.table import Row, render
from tests.running_system import System, new_system
from tests.system.page.browser import QUIET, chromium_path
from tests.system.page.debug_page import DebugPage, debug_page

ROWS = pytest.StashKey[list[Row]]()
PATIENCE_MS = 30_000

FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")

NewFault = Callable[[str, str, str], Fault]


def again(*values: object) -> ParameterSet:
    """The parameters of another way to a cause that is injected already: with --full only, for the
    verdict on it is tested with a recorded history in tests/fast/verdicts/histories."""
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.fixture
def new_fault(request: pytest.FixtureRequest) -> NewFault:
    """`new_fault(stage, cause, how it is injected)` opens a row of the table."""
    rows = request.config.stash.setdefault(ROWS, [])

    def opened(stage: str, cause: str, injected: str) -> Fault:
        rows.append(Row(stage, cause, injected))
        return Fault(rows[-1])

    return opened


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(render(rows))


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether `--full` was asked for: each thing several times, and for as long as it may take."""
    return bool(pytestconfig.getoption("--full"))


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A whole system of its own whose parts can be told to fail; left as it was by each test."""
    running = new_system(tmp_path_factory.mktemp("faulty"), FAULTS_ENABLED="true")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(autouse=True)
def _left_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test breaks in the shared system works again when it is over."""
    yield
    if "faulty" in request.fixturenames:
        until_well(of_system(request.getfixturevalue("faulty").proxy_url))


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """A network of its own, on this machine."""
    with new_network() as opened:
        yield opened


@pytest.fixture(scope="session")
def apart(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[System]:
    """A system in a network of its own."""
    running = new_system(tmp_path_factory.mktemp("apart"))
    running.within = network.prefix
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        expect.set_options(timeout=PATIENCE_MS)
        yield started


@pytest.fixture(scope="session")
def launched(playwright: Playwright) -> Iterator[Callable[..., Browser]]:
    """`launched("--flag", …)` starts a Chromium with these flags, ended with the run."""
    opened: list[Browser] = []

    def launch(*arguments: str) -> Browser:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", *QUIET, *arguments]
        )
        opened.append(browser)
        return browser

    yield launch
    for browser in opened:
        browser.close()


@pytest.fixture(scope="session")
def chromium(launched: Callable[..., Browser]) -> Browser:
    """A browser with a microphone that beeps."""
    return launched(*FAKE_MICROPHONE)


@pytest.fixture
def faulty_page(faulty: System, chromium: Browser) -> Iterator[DebugPage]:
    """The page of the shared system in a tab of its own, not connected yet."""
    with debug_page(chromium, faulty.proxy_url) as page:
        page.open()
        yield page
