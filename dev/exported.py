"""What the person exported in their shell, undisturbed by honcho.

honcho reads `.env` with a parser of its own, puts the result and PORT over the shell's environment,
and hands that to each process. So a launcher under honcho asks for the environment that honcho
itself was started with. A launcher that becomes a new one carries the exported environment in its
own, marked with its pid.
"""

import os

import psutil

from dev.parents import Parents

# Its value is the pid of a launcher whose whole environment is what the person exported.
CARRIED = "VOICE_EXPORTED_BY"
# The open lock file, handed to the launcher that this one becomes.
LOCK = "VOICE_LAUNCHER_LOCK"
# The hand-over file of a restart that waits for this launcher (hand_over.py).
HAND_OVER = "VOICE_HAND_OVER"
OWN = (CARRIED, LOCK, HAND_OVER, "HONCHO_PROCESS_NAME")


def exported(parents: Parents) -> tuple[dict[str, str], str | None]:
    """The exported environment, and a warning when honcho's had to be taken instead."""
    environ = dict(os.environ)
    warning = None
    if environ.get(CARRIED) != str(os.getpid()) and parents.honcho is not None:
        try:
            environ = psutil.Process(parents.honcho.pid).environ()
        except (psutil.Error, OSError) as error:
            warning = (
                f"the environment of honcho (pid {parents.honcho.pid}) cannot be read ({error}): "
                ".env beats the shell"
            )
    return {name: value for name, value in environ.items() if name not in OWN}, warning


def carry(environ: dict[str, str], lock: int | None, hand_over: str) -> dict[str, str]:
    """The environment for the launcher that this one becomes: the exported one, marked as such."""
    environ = environ | {CARRIED: str(os.getpid()), HAND_OVER: hand_over}
    if lock is not None:
        os.set_inheritable(lock, True)
        environ[LOCK] = str(lock)
    if name := os.environ.get("HONCHO_PROCESS_NAME"):
        environ["HONCHO_PROCESS_NAME"] = name
    return environ


def carried_lock() -> int | None:
    """The open lock file that the launcher before this one, in the same process, handed over."""
    mine = os.environ.get(CARRIED) == str(os.getpid())
    return int(os.environ[LOCK]) if mine and LOCK in os.environ else None
