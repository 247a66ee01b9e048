"""Our own livekit-server: find or get the binary, and start it.

python -m dev.livekit            become livekit-server (the launcher, with the composed environment)
python -m dev.livekit prepare    only get the binary, by the settings of the shell and .env
"""

import os
import sys
from typing import NoReturn

from dev.bootstrap.long_steps import tell
from dev.livekit import binary, server_config
from dev.services import CHECKOUT


def start() -> NoReturn:
    """Write the configuration and be replaced by the server."""
    try:
        path = binary.find_or_get(os.environ)
    except binary.NoBinary as error:
        sys.exit(f"livekit: {error}")
    version = binary.version(path)
    if version != binary.VERSION:
        tell(f"{path} is livekit-server {version}; this system is tested with {binary.VERSION}")
    sys.stdout.flush()
    os.execv(path, [str(path), "--config", str(server_config.write(os.environ))])


def prepare() -> int:
    """Get the binary unless the server is someone else's."""
    # Imported here, since it loads every room's settings, which a start has behind it.
    from dev.environment import compose

    composed = compose("livekit", dict(os.environ), CHECKOUT / ".env")
    errors = composed.errors
    if not errors and "livekit" not in composed.monitors:
        try:
            binary.find_or_get(composed.environ)
        except binary.NoBinary as error:
            errors = [str(error)]
    for sentence in errors:
        print(f"livekit: {sentence}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            start()
        case ["prepare"]:
            sys.exit(prepare())
        case _:
            sys.exit(__doc__)
