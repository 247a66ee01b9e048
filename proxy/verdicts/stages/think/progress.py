"""How thinking goes when nothing is wrong."""

from __future__ import annotations

from proxy.verdicts.call_view import CallView
from proxy.verdicts.stages.think.base import stage, thinking, tool
from proxy.verdicts.verdict import Verdict


@stage.progress
def progress(call: CallView) -> Verdict:
    asked = thinking(call)
    if asked is not None:
        runs = tool(call)
        if runs is not None:
            return stage.waiting(
                f"The tool {runs.data.get('name', '')} runs (usually 0.1 s).", runs, since=runs.at
            )
        first = call.after(asked, "think.first_token")
        if first is not None:
            return stage.ok("Letta answers.", first, ms=first.data.get("ms"))
        retry = call.after(asked, "think.retry")
        again = f" A try failed: {retry.data.get('message')}." if retry is not None else ""
        return stage.waiting(
            f"Letta makes the first word{stage.usually()}.{again}", asked, retry, since=asked.at
        )
    done = call.last("think.done", "think.first_token")
    if done is not None:
        first = call.last("think.first_token") or done
        return stage.ok("Letta has answered.", done, ms=first.data.get("ms"))
    if (over := call.last("think.request")) is not None:
        return stage.ok("The turn was interrupted before Letta wrote.", over)
    return stage.not_reached("Letta was not asked yet.")
