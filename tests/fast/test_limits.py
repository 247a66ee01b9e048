"""The limits of the fast tests: what exceeds them is named, what a busy machine does is not."""

from __future__ import annotations

from tests.limits import CALL_S, FEW, TEARDOWN_S, Limits


def test_a_slow_test_is_named() -> None:
    limits = Limits()
    limits.took("a.py::quick", "call", CALL_S)
    limits.took("a.py::slow", "call", CALL_S + 0.1)
    (sentence,) = limits.exceeded()
    assert "a.py::slow takes 5.1 s" in sentence


def test_a_file_whose_tests_wait_at_their_end_is_named() -> None:
    limits = Limits()
    for number in range(FEW):
        limits.took(f"waits.py::{number}", "teardown", TEARDOWN_S + 0.1)
        limits.took(f"held-up-once.py::{number}", "teardown", 9.0 if number == 0 else 0.0)
    (sentence,) = limits.exceeded()
    assert "waits.py need 0.40 s" in sentence
