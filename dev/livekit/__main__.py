"""Become livekit-server: find or get the binary, write its configuration, replace this process by
it.

python -m dev.livekit              run it (the environment is composed by the launcher)
python -m dev.livekit --prepare    only make sure that there is a binary
"""

import os
import sys
from pathlib import Path

from dev.livekit import binary, config
from dev.services import CHECKOUT
from dev.steps import tell


def main(arguments: list[str]) -> int:
    environ = dict(os.environ)
    environ["VOICE_HOME"] = str(
        (CHECKOUT / Path(environ.get("VOICE_HOME") or ".voice").expanduser()).resolve()
    )
    try:
        path = binary.find_or_get(environ)
    except binary.NoBinary as error:
        print(f"livekit: {error}", file=sys.stderr)
        return 1
    told = binary.version(path)
    if told != binary.VERSION:
        tell(f"{path} is livekit-server {told}; this system is tested with {binary.VERSION}")
    if arguments != ["--prepare"]:
        sys.stdout.flush()
        os.execv(path, [str(path), "--config", str(config.write(environ))])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
