"""What is made of a ledger: processes that last, those that come and go, whole families."""

from __future__ import annotations

import subprocess
import sys

import psutil

from tools.bench.processes import Tree
from tools.endurance.ledger import Ledger


def test_the_ledger_sees_what_a_process_takes_and_that_it_ends() -> None:
    code = (
        "import sys; print(flush=True); sys.stdin.readline()\n"
        "kept = bytearray(b'x') * 30_000_000; print(flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        ledger = Ledger(Tree({"mine": psutil.Process(process.pid)}))
        (before,) = ledger._look()
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        (after,) = ledger._look()
        assert 30e6 <= after.anon - before.anon < 32e6
        assert before.family == "mine"
        assert before.fds >= 3
        assert before.threads == 1
    assert ledger._look() == []


def test_a_tree_tells_families_by_the_nearest_root() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(flush=True); sys.stdin.read()'])"  # noqa: E501
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        outer, inner = (
            Tree({"test": psutil.Process(), "below": psutil.Process(process.pid)}),
            Tree({"test": psutil.Process()}),
        )
        found = outer.now()
        assert len(found["below"]) == 2
        assert {each.pid for each in found["below"]} <= {each.pid for each in inner.now()["test"]}
        assert not {each.pid for each in found["below"]} & {each.pid for each in found["test"]}
        process.stdin.close()
