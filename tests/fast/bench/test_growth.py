"""What is made of a ledger: processes that last, those that come and go, whole families."""

from __future__ import annotations

import pytest

from tools.bench.processes import name_of
from tools.endurance import growth
from tools.endurance.ledger import Holding

LOOKS = 60


WARM_S = 100.0


def look(at: float, pid: int, mb: float, family: str = "agent", born: float = -50.0) -> Holding:
    anon = int(mb * 1e6)
    return Holding(at, family, pid, born, "worker", anon, anon // 2, fds=10, threads=3)


def test_a_process_that_grows_after_the_warm_up_is_told_with_its_slope() -> None:
    grows = [look(at * 10.0, 1, 100 + at * 0.01) for at in range(LOOKS)]
    still = [look(at * 10.0, 2, 500 if at * 10 < WARM_S else 50) for at in range(LOOKS)]
    found = {each.label: each for each in growth.lasting(grows + still, WARM_S)}
    leak, calm = found["agent: worker (1)"], found["agent: worker (2)"]
    assert leak.memory is not None
    assert leak.memory.per_hour == pytest.approx(3.6)
    assert leak.sizes == sorted(leak.sizes)
    assert leak.sizes[-1] > leak.sizes[0]
    assert calm.memory is not None
    assert calm.memory.per_hour == pytest.approx(0)
    assert calm.fds is not None
    assert calm.fds.per_hour == 0


def test_processes_of_calls_are_told_by_their_peaks() -> None:
    there = [look(at * 10.0, 1, 100) for at in range(LOOKS)]
    calls = [
        look(born + after, 10 + number, 50 + number + after / 10, born=born)
        for number, born in enumerate(float(each) for each in range(100, 580, 40))
        for after in (0.0, 10.0)
    ]
    (lasting,) = growth.lasting(there + calls, WARM_S)
    assert lasting.label.endswith("(1)")
    (passing,) = growth.passing(there + calls, WARM_S)
    assert (passing.family, passing.count, passing.largest) == ("agent", 12, 62.0)
    assert passing.memory is not None
    assert passing.memory.per_hour == pytest.approx(90)  # a MB more each 40 s


def test_a_pid_that_is_used_again_is_another_process() -> None:
    first = [look(at * 10.0, 7, 100, born=-9) for at in range(LOOKS // 2)]
    second = [look(at * 10.0, 7, 900, born=290) for at in range(LOOKS // 2, LOOKS)]
    assert growth.lasting(first + second, WARM_S) == []


def test_a_family_is_the_sum_of_its_shares() -> None:
    seen = [look(at * 10.0, pid, 100 + at * 0.01) for at in range(LOOKS) for pid in (1, 2)]
    found = growth.families(seen, WARM_S)["agent"]
    assert found is not None
    assert found.per_hour == pytest.approx(3.6)  # two halves
    assert growth.totals(seen[:2]) == {"agent": 100e6}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/x/.venv/bin/python", "-m", "agent"], "agent"),
        (["/x/python", "-c", "from multiprocessing.forkserver import main; main()"], "forkserver"),
        (["/x/livekit-server", "--config", "/y/my.yaml"], "livekit-server --config my.yaml"),
        (["postgres: checkpointer "], "postgres: checkpointer"),
        (["/x/bin/node", "/x/bin/letta", "--backend", "local"], "node letta --backend local"),
        ([], "?"),
    ],
)  # fmt: skip
def test_processes_have_short_names(command: list[str], name: str) -> None:
    assert name_of(command) == name
