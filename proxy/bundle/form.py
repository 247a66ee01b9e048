"""REPORT.md: what only the person knows. Standard library only."""

from __future__ import annotations

import time

FORM = """\
# Bug report

Made {when} by {maker}.
Fill in the three parts, look through the files, and attach the zip to your report. Keys,
tokens and passwords are replaced by `***`; what was said in calls is {words}.

## Steps
What did you do, in order? (Which agent, which button, what did you say?)

1.

## Expected
What should have happened?

## Actual
What happened instead? At what time?

## System, as it was found
{sentence}

## Files
{files}
"""


def form(maker: str, sentence: str, files: list[str], *, transcripts: bool) -> str:
    """The form, with what is known already."""
    return FORM.format(
        when=time.strftime("%Y-%m-%d %H:%M:%S %z"),
        maker=maker,
        words="**included, as you asked**" if transcripts else "left out",
        sentence=sentence or "unknown",
        files="\n".join(f"- {name}" for name in files),
    )
