"""Ports: whether one is free, and if not, who holds it and which setting moves ours."""

import http.client
import json
import socket
from collections.abc import Mapping

import psutil

from dev.services import Port, Service

LETTA_ANSWER_S = 1.0


def is_free(number: int, kind: str = "tcp") -> bool:
    """Whether our programs could listen on `number` of this machine's loopback addresses."""
    what = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, what) as probe:
                if kind == "tcp":
                    # As every server does: connections that are closing do not count as held.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((host, number))
        except OSError:
            if family == socket.AF_INET6 and not has_ipv6():
                continue
            return False
    return True


def has_ipv6() -> bool:
    """Whether this machine has the loopback address ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def holder(number: int, kind: str = "tcp") -> psutil.Process | None:
    """The process that holds a port, None when that cannot be seen (another user's process)."""
    try:
        connections = psutil.net_connections(kind)
    except psutil.AccessDenied:  # macOS shows them to root only
        return None
    for connection in connections:
        listens = kind == "udp" or connection.status == psutil.CONN_LISTEN
        if connection.pid and listens and connection.laddr and connection.laddr.port == number:
            try:
                return psutil.Process(connection.pid)
            except psutil.NoSuchProcess:
                return None
    return None


def owns(processes: list[psutil.Process], number: int) -> bool:
    """Whether one of `processes` listens on the TCP port `number`."""
    for process in processes:
        try:
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number:
                    return True
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return False


def first_busy(service: Service, environ: Mapping[str, str]) -> Port | None:
    return next(
        (port for port in service.ports if not is_free(port.number(environ), port.kind)), None
    )


def refusal(service: Service, port: Port, environ: Mapping[str, str]) -> str:
    """Who holds `port`, and what to do: a sentence for the person."""
    number = port.number(environ)
    process = holder(number, port.kind)
    if number < 1024 and process is None:
        return (
            f"port {number} ({port.setting}) cannot be used: ports below 1024 are for root; "
            f"set {port.setting} to a higher one"
        )
    if process is None:
        who = "a process that this user cannot see"
        end = "end it"
    else:
        who = f"pid {process.pid} ({command(process)})"
        end = f"end pid {process.pid}"
    if service.name == "letta" and port is service.port and (version := letta_version(number)):
        return (
            f"port {number} is held by a Letta server (version {version}) of your own, {who}: to "
            "use that one set "
            f"LETTA_BASE_URL=http://localhost:{number} in .env; to run ours beside it set "
            "LETTA_PORT to another port"
        )
    return (
        f"{kind_of(port)} {number} is held by {who}: {end}, or set {port.setting} to another port; "
        f"{service.name} starts by itself when the port is free"
    )


def kind_of(port: Port) -> str:
    return "UDP port" if port.kind == "udp" else "port"


def command(process: psutil.Process) -> str:
    """The command line of a process, short enough for a sentence."""
    try:
        words = process.cmdline() or [process.name()]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "command not visible"
    text = " ".join(words)
    return text if len(text) <= 160 else text[:157] + "…"


def letta_version(number: int) -> str | None:
    """The version of the Letta server that answers on `number`, None when it is something else."""
    connection = http.client.HTTPConnection("localhost", number, timeout=LETTA_ANSWER_S)
    try:
        connection.request("GET", "/v1/health/")
        answer = connection.getresponse()
        status = json.loads(answer.read(10_000))
        return str(status["version"]) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
