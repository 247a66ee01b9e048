"""The ports of the system, and who holds each."""

from __future__ import annotations

import asyncio

import psutil

from dev.doctor.finding import Finding
from dev.doctor.surroundings import Surroundings
from dev.services import Port, Service, services
from dev.supervisor import ports, processes, records


async def check(around: Surroundings) -> list[Finding]:
    return await asyncio.to_thread(_all, around)


def _all(around: Surroundings) -> list[Finding]:
    return [
        finding
        for service in services().values()
        if service.name not in around.monitors
        for finding in _of_service(around, service)
    ]


def _of_service(around: Surroundings, service: Service) -> list[Finding]:
    record = records.read(around.home, service.name)
    program = record.program if record is not None else None
    family = set()
    if record is not None and program is not None and program.alive:
        family = {one.pid for one in processes.descendants(program)}
    ready = bool(family) and record is not None and record.state == records.READY
    return [_held(around, service, port, family, ready=ready) for port in service.ports]


def _held(
    around: Surroundings, service: Service, port: Port, family: set[int], *, ready: bool
) -> Finding:
    try:
        number = port.number(around.environ)
    except ValueError:
        return Finding("ports", port.setting, "skip", "its setting is wrong")
    what = f"{number} {port.kind} {service.name}"
    if ports.is_free(number, port.kind):
        if not ready:
            return Finding("ports", what, "ok", "free")
        detail = f"nobody listens there, though {service.name} is called ready"
        return Finding("ports", what, "fail", detail, f"./restart_voice_system.sh {service.name}")
    if holder := _ours(family, number, port.kind):
        return Finding("ports", what, "ok", f"ours, pid {holder.pid}: {ports.command(holder)}")
    return Finding(
        "ports",
        what,
        "fail",
        ports.refusal(service, port, around.environ),
        f"end that process, or set {port.setting} to another port",
    )


def _ours(family: set[int], number: int, kind: str) -> psutil.Process | None:
    """The process of ours that holds a port; to look at all processes takes much longer."""
    for pid in family:
        try:
            process = psutil.Process(pid)
            for connection in process.net_connections(kind):
                listens = kind == "udp" or connection.status == psutil.CONN_LISTEN
                if listens and connection.laddr and connection.laddr.port == number:
                    return process
        except psutil.Error:
            continue
    return None
