"""Measures the system beside a stock livekit-agents worker: `./scripts/bench`."""
