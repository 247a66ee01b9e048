"""The verdicts: which stage of a call failed, why, by which evidence, and what to do next."""
