"""No key in any answer or log line: secrets are planted everywhere, then everything is asked."""

from __future__ import annotations

import logging

from common.logs import LineFormatter


def test_what_slips_into_a_line_is_blotted_out() -> None:
    formatter = LineFormatter(("short", "short-and-long"))
    record = logging.makeLogRecord({"msg": "a short-and-long b short", "levelname": "INFO"})
    assert formatter.format(record).endswith("a *** b ***")
    try:
        raise ValueError("with short inside")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    assert "with *** inside" in formatter.format(record)
