"""Get livekit-server without starting it (scripts/setup), by the settings of the shell and .env."""

import os
import sys

from dev.environment import compose
from dev.livekit import binary
from dev.services import CHECKOUT


def main() -> int:
    composed = compose("livekit", dict(os.environ), CHECKOUT / ".env")
    errors = composed.errors
    if not errors and "livekit" not in composed.monitors:  # else the server is someone else's
        try:
            binary.find_or_get(composed.environ)
        except binary.NoBinary as error:
            errors = [str(error)]
    for sentence in errors:
        print(f"livekit: {sentence}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
