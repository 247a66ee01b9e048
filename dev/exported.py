"""What the person exported in their shell, undisturbed by honcho.

honcho reads `.env` with a parser of its own, puts the result and PORT over the shell's environment, and hands that to
each process. So a launcher under honcho asks for the environment that honcho itself was started with. A restart
hands the environment of its own shell over in a file, and a launcher that becomes a new one carries it in its own.
"""

import json
import os
from pathlib import Path

import psutil

from dev import private_file
from dev.parents import Parents

CARRIED = "VOICE_EXPORTED_BY"  # its value is the pid of the launcher whose whole environment is the exported one
LOCK = "VOICE_LAUNCHER_LOCK"  # the open lock file, handed to the launcher that this one becomes
FILE = "exported.json"
OWN = (CARRIED, LOCK, "HONCHO_PROCESS_NAME")


def exported(parents: Parents) -> tuple[dict[str, str], str | None]:
    """The exported environment, and a warning when honcho's had to be taken instead."""
    environ = dict(os.environ)
    warning = None
    if environ.get(CARRIED) != str(os.getpid()) and parents.honcho is not None:
        try:
            environ = psutil.Process(parents.honcho.pid).environ()
        except (psutil.Error, OSError) as error:
            warning = f"the environment of honcho (pid {parents.honcho.pid}) cannot be read ({error}): .env beats the shell"
    return {name: value for name, value in environ.items() if name not in OWN}, warning


def hand_over(home: Path) -> Path:
    """Write this process's environment for the launchers that are about to restart; the caller deletes the file."""
    path = home / "run" / FILE
    environ = {name: value for name, value in os.environ.items() if name not in OWN}
    private_file.write(path, json.dumps(environ))
    return path


def handed_over(home: Path) -> dict[str, str] | None:
    """The environment that a restart handed over, None when this is no such restart."""
    try:
        environ: dict[str, str] = json.loads((home / "run" / FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return environ
