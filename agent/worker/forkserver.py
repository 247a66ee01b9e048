"""Starts the server that job processes are forked from, before the worker itself imports LiveKit.

Both then import for some seconds at the same time instead of one after the other. The framework
would start it later, with the same modules; it finds it running. Imports nothing that is slow.

Private names stand here, each with its test in tests/fast/agent/test_upstream_names.py: the two
modules that livekit-agents preloads, in its order (our list replaces its own), the two variables
that switch parts of it off, and Python's `_forkserver_pid` (there is no public way to ask which
process the server is).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import ssl
from multiprocessing import forkserver

import certifi

PRELOADED = "agent.job.preload"
FRAMEWORK = ("livekit.agents.ipc._preload", "livekit.agents.ipc._preload_freeze")  # in this order
LOOKS_EVERY = 1.0  # seconds
LOCAL_MODELS = "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE"
LOOP_MONITOR = "LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS"


class Gone(Exception):
    """The server has ended. Nobody can tell which of the processes that it made still live, and
    idle ones fail with their first call."""


def start() -> None:
    """Start the server, unless it runs."""
    # Its end-of-turn model takes 240 MB and is not used; the detector is in agent/job/preload.py.
    os.environ.setdefault(LOCAL_MODELS, "0")
    # It wakes each process a hundred times a second, idle ones too; common/vitals.py looks twice.
    os.environ.setdefault(LOOP_MONITOR, "0")
    _name_certificates()
    multiprocessing.get_context("forkserver").set_forkserver_preload([PRELOADED, *FRAMEWORK])
    forkserver.ensure_running()


async def watch() -> None:
    """Raises `Gone` as soon as the server has ended, and at once where none was started."""
    import psutil  # imported late: the worker imports it anyway, but not first

    if (pid := server_pid()) is None:
        raise Gone("the process that job processes are made from was never started")
    try:
        server = psutil.Process(pid)
        while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(LOOKS_EVERY)
    except psutil.NoSuchProcess:
        pass
    raise Gone(f"the process that job processes are made from is gone (pid {pid})")


def server_pid() -> int | None:
    """The pid of the server that was started last; None before."""
    pid: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return pid


def _name_certificates() -> None:
    """Job processes inherit where certificates are; a machine without any uses certifi's."""
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None:
        os.environ["SSL_CERT_FILE"] = certifi.where()
