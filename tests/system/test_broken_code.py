"""A file of one room that cannot even be read: its launcher says which one, all others work."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_system import ROOT
from tests.system.checkout import Checkout, new_checkout, wait_for

ROOMS = {"models": "dev/models", "letta": "dev/letta", "agent": "agent", "proxy": "proxy"}
ALL = ("livekit", *ROOMS)
BROKEN = "import os\n\n\ndef broken(:\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    with new_checkout(tmp_path) as made:
        for folder in ROOMS.values():
            shutil.copytree(
                ROOT / folder, made.root / folder, ignore=shutil.ignore_patterns("__pycache__")
            )
        standin = ROOT / "tests" / "system" / "standin_rooms.py"
        shutil.copy(standin, made.root / "tests" / "system")
        made.exported["VOICE_SERVICES_MODULE"] = "tests.system.standin_rooms"
        made.exported["AGENT_RELOAD"] = "false"
        yield made


def break_file(checkout: Checkout, name: str, file: str) -> str:
    """Make a file of a room unreadable as code; how it is to be named."""
    (checkout.root / ROOMS[name] / file).write_text(BROKEN)
    return f"{ROOMS[name]}/{file} line 4: SyntaxError: invalid syntax"


def assert_each_names_its_own(output: str, places: dict[str, str]) -> None:
    for name, place in places.items():
        (line,) = re.findall(rf"^{name} is not ready: .*$", output, re.MULTILINE)
        assert place in line
        assert not any(place in line for other, place in places.items() if other != name)


def test_settings_that_cannot_be_read_end_their_room_alone(checkout: Checkout) -> None:
    whole = {name: (checkout.root / ROOMS[name] / "settings.py").read_text() for name in ROOMS}
    places = {name: break_file(checkout, name, "settings.py") for name in ROOMS}
    start = checkout.command()
    assert start.returncode == 1
    assert_each_names_its_own(start.stdout, places)
    checkout.wait_ready("livekit")

    pid = checkout.program_pid("livekit")
    for name in ROOMS:
        (checkout.root / ROOMS[name] / "settings.py").write_text(whole[name])
        checkout.wait_ready(name)
        mended = list(ROOMS)[: list(ROOMS).index(name) + 1]
        assert {other for other in ROOMS if checkout.state(other) == "failed"} == {
            other for other in ROOMS if other not in mended
        }
    assert checkout.program_pid("livekit") == pid


def test_a_program_that_cannot_be_read_ends_alone_and_is_tried_again_when_mended(
    checkout: Checkout,
) -> None:
    places = {name: break_file(checkout, name, "__main__.py") for name in ROOMS}
    start = checkout.command(STANDIN_REAL="1")
    assert start.returncode == 1
    assert_each_names_its_own(start.stdout, places)
    checkout.wait_ready("livekit")
    assert places["proxy"] in checkout.command("status").stdout

    program = checkout.root / "proxy" / "__main__.py"
    program.write_text("import time\n\ntime.sleep(600)\n")
    wait_for("it is started again", lambda: checkout.record("proxy")["program"] is not None)
    assert checkout.state("agent") == "failed"


def test_every_launcher_names_a_broken_file_of_what_all_stand_on(checkout: Checkout) -> None:
    broken = checkout.root / "common" / "redaction.py"
    whole = broken.read_text()
    broken.write_text(BROKEN)
    start = checkout.command()
    assert start.returncode == 1
    place = "common/redaction.py line 4: SyntaxError: invalid syntax"
    first, *others = ALL
    (told,) = re.findall(rf"{first} is not ready: .*{re.escape(place)}", start.stdout)
    assert place in told
    assert f"For the same reason not ready: {', '.join(others)}." in start.stdout
    status = checkout.command("status")
    assert status.stdout.count(place) == 1
    assert status.stdout.count(f"for the same reason as {first}") == len(others)
    broken.write_text(whole)
    checkout.wait_ready(*ALL)
