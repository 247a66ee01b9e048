"""The fixtures of tests/fast/proxy/timeline, for tests with programs."""

from tests.fast.proxy.timeline.conftest import database, proxy  # noqa: F401 - fixtures
