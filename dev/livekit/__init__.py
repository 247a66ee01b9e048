"""Our own livekit-server: the binary, its configuration, and the program that becomes it."""
