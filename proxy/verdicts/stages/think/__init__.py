"""think: Letta, and the language model behind it, make a reply.

One file is one group of causes, looked at in the order in which they are imported here: what Letta
has said is wrong comes before what is only missing.
"""

from proxy.verdicts.stages.think.base import stage

# isort: off
from proxy.verdicts.stages.think import (  # the order is the meaning
    errors,
    waiting,
    progress,
)
# isort: on

__all__ = ["errors", "progress", "stage", "waiting"]
