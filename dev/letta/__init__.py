"""The embedded mind: a real Letta server on a real Postgres, both started in the foreground."""
