"""How the system stands: its processes, what answers, and what is left of the machine.

Each file asks one thing; `collect.py` puts the answers together once, `watch.py` keeps them fresh.
"""
