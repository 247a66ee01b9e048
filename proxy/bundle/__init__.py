"""The bug bundle: a zip with everything that somebody else needs to find a fault, and no secret."""
