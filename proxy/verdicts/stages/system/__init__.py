"""system: the processes, their settings and credentials, and the machine under them.

Judged from SystemHealth, and from providers' refusals that the worker met in a call. The causes
are looked at in the order in which their files are imported here, so that what makes other things
fail comes first.
"""

from proxy.verdicts.stages.system.base import stage

# isort: off
from proxy.verdicts.stages.system import (  # the order is the meaning
    this_machine,
    services,
    shortages,
)
# isort: on

__all__ = ["services", "shortages", "stage", "this_machine"]
