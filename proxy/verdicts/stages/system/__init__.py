"""system: the processes, their settings and credentials, and the machine under them.

Judged from Health, and from providers' refusals that the worker met in a call. One file is one
group of causes; they are looked at in the order in which they are imported here, so that what
makes other things fail comes first.
"""

from proxy.verdicts.stages.system.base import stage

# isort: off
from proxy.verdicts.stages.system import (  # the order is the meaning
    settings,
    ports,
    disk,
    memory,
    frozen,
    livekit,
    worker,
    letta,
    models,
    providers,
    database,
    cpu,
    vitals,
    progress,
)
# isort: on

__all__ = [
    "cpu",
    "database",
    "disk",
    "frozen",
    "letta",
    "livekit",
    "memory",
    "models",
    "ports",
    "progress",
    "providers",
    "settings",
    "stage",
    "vitals",
    "worker",
]
