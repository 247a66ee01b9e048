"""./scripts/check-deployment: every endpoint of a running system, tried and timed."""
