"""Watches rooms from inside: what any LiveKit agent tells of itself there becomes events."""
