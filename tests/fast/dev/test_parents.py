"""Who started a process."""

import pytest

from dev.supervisor.parents import Parents, Seen, is_honcho, manager


@pytest.mark.parametrize(
    ("command", "honcho"),
    [
        ("/usr/bin/honcho start", True),
        ("/usr/bin/python3 /x y/bin/honcho start".replace("x y", "x"), True),
        ("python3.11 -m honcho start", True),
        ("python -u -m honcho -e /dev/null start", True),
        ("python -m pytest honcho", False),
        ("vim honcho", False),
        ("tail -f honcho", False),
        ("", False),
    ],
)
def test_honcho_is_known_by_its_command_line(command: str, honcho: bool) -> None:
    assert is_honcho(tuple(command.split())) is honcho


def _chain(*commands: str) -> list[Seen]:
    return [Seen(100 - at, 99 - at, "x", tuple(one.split())) for at, one in enumerate(commands)]


HONCHO = "python /x/bin/honcho start"


@pytest.mark.parametrize(
    ("commands", "at"),
    [
        (["bash", "sshd"], None),
        ([HONCHO, HONCHO, "bash"], 1),
        (["/bin/sh -c ./dev/run", HONCHO, HONCHO], 2),
        # A Python whose multiprocessing does not fork.
        (["sh", "python -c spawn_main", "python -c forkserver", HONCHO, "bash"], 3),
    ],
)
def test_honcho_is_the_highest_one(commands: list[str], at: int | None) -> None:
    assert manager(_chain(*commands), True) == at


@pytest.mark.parametrize("commands", [[HONCHO, "init"], ["sh -c x", HONCHO, "init"]])
def test_a_copy_that_honcho_left_behind_is_not_honcho(commands: list[str]) -> None:
    with pytest.raises(ProcessLookupError):
        manager(_chain(*commands), True)
    # `honcho run` starts its command without a copy.
    assert manager(_chain(*commands), False) is not None


def test_a_living_parent_is_not_gone() -> None:
    assert Parents().gone() is None
