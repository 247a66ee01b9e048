"""For those who work on the system, not for those who use it: what is slow, what grows."""
