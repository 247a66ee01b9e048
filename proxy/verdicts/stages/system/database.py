"""The database of the calls."""

from __future__ import annotations

from proxy.verdicts import quote
from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.system.base import stage
from proxy.verdicts.verdict import Verdict

NAME = "calls database"


@stage.cause("calls-db-not-writable")
def not_writable(call: CallView) -> Verdict | None:
    probe = call.probe(NAME)
    if probe is None or probe.ok:
        return None
    return stage.failing(
        f"The calls database at {probe.target or 'DATABASE_URL'} cannot be written "
        f"({probe.problem}: {probe.detail.rstrip('.')}). Calls go on; what happens in them is kept "
        "in memory and stored later.",
        "Give the proxy's user write permission on the file and its folder, end what locks it, or "
        "set DATABASE_URL to another place; then ./restart_voice_system.sh proxy",
        quote.probe(probe),
        since=probe.at,
    )
