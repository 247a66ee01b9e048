"""Stands where the launcher expects livekit-server: starts the real one behind a port of its own,
and passes on what comes, link by link, so that each can be cut.

`program()` writes the executable for LIVEKIT_SERVER_BIN. Which link is cut, and how, it reads from
a file (`Links.cut` writes it). Who asks is told by the path and the token of the first request:
the caller's and the job's signal connection, the worker's registration, the proxy's REST.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, get_args

import jwt

from tests.faults.seeds.cutter import Cutter, Way
from tests.running_system import ROOT, free_ports

LINKS = ("caller", "job", "worker", "proxy")
TOKEN = re.compile(rb"(?:access_token=|[Aa]uthorization: Bearer )([\w.-]+)")
PR_SET_PDEATHSIG = 1
ENDS_IN_S = 10.0


class Links:
    """The file by which a test tells the front what it cuts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def cut(self, link: str, way: Way) -> Iterator[None]:
        self.path.write_text(f"{link} {way}")
        try:
            yield
        finally:
            self.path.unlink()

    def way(self, link: str) -> Way | None:
        with suppress(OSError, ValueError):
            named, way = self.path.read_text().split()
            if named == link and way in get_args(Way):
                return way  # type: ignore[return-value]
        return None


def program(folder: Path, real: str, webhooks_port: int) -> tuple[Path, Links]:
    """The executable, and what cuts. The server sends its webhooks to `webhooks_port`."""
    links = Links(folder / "cut-of-livekit")
    path = folder / "livekit-front"
    own = f"{sys.executable} -m tests.faults.seeds.livekit_front"
    path.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && exec {real} "$@"\n'
        f"export PYTHONPATH={ROOT}\n"
        f'exec {own} {real} {links.path} {webhooks_port} "$2"\n'
    )
    path.chmod(0o700)
    return path, links


def link_of(head: bytes) -> str:
    """Whose connection it is that begins with this request; empty for any other's."""
    path = head.split(b" ", 2)[1].partition(b"?")[0] if head.count(b" ") > 1 else b""
    if path.startswith(b"/agent"):
        return "worker"
    if path.startswith(b"/twirp/"):
        return "proxy"
    if path.startswith(b"/rtc") and (token := TOKEN.search(head)):
        claims: dict[str, Any] = jwt.decode(token[1], options={"verify_signature": False})
        return "job" if claims.get("kind") == "agent" else "caller"
    return ""


class _Front(Cutter):
    def __init__(self, target: int, links: Links) -> None:
        super().__init__(target)
        self._links = links

    def way_of(self, head: bytes) -> Callable[[], Way | None]:
        link = link_of(head)
        return lambda: self._links.way(link)


async def run(real: str, links: Links, webhooks_port: int, config_path: Path) -> int:
    config = json.loads(config_path.read_text())
    port = config["port"]
    (config["port"],) = free_ports(1)
    config["webhook"]["urls"] = [f"http://127.0.0.1:{webhooks_port}/webhooks/livekit"]
    own = config_path.with_name("livekit-behind.yaml")
    own.touch(mode=0o600)
    own.write_text(json.dumps(config))
    # The server's own settings of the environment, such as its port, would win.
    environ = {name: os.environ[name] for name in os.environ if not name.startswith("LIVEKIT_")}
    server = await asyncio.create_subprocess_exec(
        real, "--config", str(own), env=environ, preexec_fn=_ends_with_us
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.terminate)
    front = _Front(config["port"], links)
    await _answers(config["port"])
    listening = await front.listen("127.0.0.1", port)
    code = await server.wait()
    listening.close()
    return code


async def _answers(port: int) -> None:
    """Return when the real server does; it says itself why it does not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(ENDS_IN_S):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)


def _ends_with_us() -> None:
    """The server is killed when we are: who kills us means it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    binary, file, webhooks, config_file = sys.argv[1:]
    sys.exit(asyncio.run(run(binary, Links(Path(file)), int(webhooks), Path(config_file))))
