"""Ready means the recorded program itself, not whoever answers on its port."""

import asyncio
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from common.process_records import STARTING, ProcessRecord
from common.redaction import Redactor
from dev.services import SERVICES
from dev.supervisor.process_log import ProcessLog
from dev.supervisor.status_writer import StatusWriter
from dev.supervisor.supervisor import Supervisor
from dev.supervisor.takeover import FileTimes
from tests.fast.dev.test_supervisor import _program


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


async def test_an_answer_of_another_process_is_not_ready(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    number = server.server_address[1]
    log = ProcessLog(tmp_path, "proxy")
    status = StatusWriter(tmp_path, ProcessRecord("proxy", STARTING), log, Redactor())
    environ: dict[str, Any] = {"PROXY_PORT": str(number)}
    tried = FileTimes({}, {})
    supervisor = Supervisor(SERVICES["proxy"], environ, {}, status, lambda _: None, tried)
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "input()"), stdin=asyncio.subprocess.PIPE
    )
    try:
        told = await supervisor._question(_program(other.pid))
        assert told == f"another process answers on port {number}"
        assert await supervisor._question(_program(os.getpid())) is None
    finally:
        await other.communicate(b"\n")
        server.shutdown()
        server.server_close()
        log.close()
    told = await supervisor._question(_program(os.getpid()))
    assert told == f"127.0.0.1:{number} refuses the connection"
