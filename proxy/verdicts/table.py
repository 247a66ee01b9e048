"""What each stage owes, as a table in docs/architecture.md, made from the links of the stages.

python -m proxy.verdicts.table            rewrite the table
python -m proxy.verdicts.table --check    only say whether it is up to date (exit code 1 when not)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from common.doc_tables import ARCHITECTURE, rewrite
from common.events import STAGES
from proxy.verdicts.stages import OF_ANOTHER_AGENT, RULES


def markdown() -> str:
    """A row for each link, in the order of the stages."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| stage | when | it owes that | told by | within | events that prove it |"
    yield "|---|---|---|---|---|---|"
    links = [(stage, link) for stage in STAGES for link in RULES[stage].links]
    of_another = [
        (f"{stage}, another's agent", link)
        for stage, rules in OF_ANOTHER_AGENT.items()
        for link in rules.links
    ]
    for where, link in [*links, *of_another]:
        proof = ", ".join(f"`{topic}`" for topic in link.by) or "see the code"
        yield (
            f"| {where} | {link.given} | {link.owed} | {link.told_by} | "
            f"{link.within_s:g} s | {proof} |"
        )


def main(arguments: list[str], page: Path = ARCHITECTURE) -> int:
    return rewrite(arguments, "proofs", markdown(), "proxy.verdicts.table", page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
