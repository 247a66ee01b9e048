"""How the system runs on one machine: preparation, launchers, readiness, ports, records and
logs."""
