"""The fixtures of tests/fast/letta/test_postmaster.py, for tests with programs."""

from tests.fast.letta.test_postmaster import data  # noqa: F401 - a fixture
