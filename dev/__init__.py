"""How the system runs on one machine: preparation, launchers, readiness, ports, records and
logs."""

import common  # noqa: F401  (what it says of telemetry, before anything else)
