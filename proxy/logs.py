"""Log lines: `HH:MM:SS.mmm LEVEL name: message` on stdout, with every secret blotted out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from proxy.redaction import Redactor


class LineFormatter(logging.Formatter):
    """One line a record (a traceback follows on its own lines); no secret in any of them."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"
        )
        self._redactor = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


def configure(level: str, secrets: Sequence[str]) -> None:
    """Send every log line of this process to stdout at `level`."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Its DEBUG says nothing but which selector the loop uses.
    logging.getLogger("asyncio").setLevel(logging.INFO)
