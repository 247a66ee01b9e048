"""Become livekit-server: find or get the binary, write its configuration, be replaced by it.

The launcher runs `python -m dev.livekit` with the composed environment.
"""

import os
import sys
from typing import NoReturn

from dev.bootstrap.steps import tell
from dev.livekit import binary, config


def main() -> NoReturn:
    try:
        path = binary.find_or_get(os.environ)
    except binary.NoBinary as error:
        sys.exit(f"livekit: {error}")
    told = binary.version(path)
    if told != binary.VERSION:
        tell(f"{path} is livekit-server {told}; this system is tested with {binary.VERSION}")
    sys.stdout.flush()
    os.execv(path, [str(path), "--config", str(config.write(os.environ))])


if __name__ == "__main__":
    main()
