"""The fixtures of tests/fast/dev/test_livekit.py, for tests with programs."""

from tests.fast.dev.test_livekit import page  # noqa: F401 - a fixture
