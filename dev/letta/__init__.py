"""The embedded Letta: a real server on a real Postgres, both started in the foreground."""
