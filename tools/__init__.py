"""For those who work on the system, not for those who use it: what is slow, what grows."""

import common  # noqa: F401  (what it says of telemetry, before anything else)
