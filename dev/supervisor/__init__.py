"""What each line of the Procfile runs: a launcher that starts one program, watches it, and ends it.

It imports nothing of the rooms it starts, so that a broken file there is told instead of ending it.
"""
