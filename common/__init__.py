"""What every room stands on; it imports nothing of ours.

Launchers and Letta's own environment use `logs`, `redaction`, `known_secrets`, `vitals` and
`events`, so these need the standard library only.
"""
