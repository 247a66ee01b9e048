"""Bringing the agent into a room: once, verified, and again when the worker was not there."""
