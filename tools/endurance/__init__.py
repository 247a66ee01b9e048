"""What grows, and what is left behind, while calls go on for a long time."""
