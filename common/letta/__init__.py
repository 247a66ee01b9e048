"""Letta, behind one seam: what a call and the page need of it (backend.py), and who gives it."""
