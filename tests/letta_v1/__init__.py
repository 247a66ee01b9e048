"""The real V1 server of Letta (0.16.8, archived by its makers), for `./scripts/test --full`."""
