"""What the proxy asks: Letta, the LiveKit server, and the status of the worker."""
