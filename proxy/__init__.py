"""The proxy: page, tokens, dispatch, Letta behind CORS, and health, on one port of this machine."""

__version__ = "0.1.0"
