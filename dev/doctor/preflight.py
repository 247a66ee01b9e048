"""What would keep a system that is not running from starting: ports that somebody else holds, and
settings that a launcher refuses. The verdict then names that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import psutil

from common import process_records
from common.probe import Finding
from dev.doctor.context import Context
from dev.services import Port, Service, services
from dev.supervisor import ports, process_tree
from proxy.verdicts.system_health import Process, SystemHealth


async def check(checkout: Context) -> list[Finding]:
    return await asyncio.to_thread(_all, checkout)


def _all(checkout: Context) -> list[Finding]:
    return [
        finding
        for service in services().values()
        if service.name not in checkout.monitors
        for finding in _of_service(checkout, service)
    ]


def _of_service(checkout: Context, service: Service) -> list[Finding]:
    record = process_records.read(checkout.home, service.name)
    program = record.program if record is not None else None
    family = set()
    if record is not None and program is not None and program.alive:
        family = {process.pid for process in process_tree.descendants(program)}
    ready = bool(family) and record is not None and record.state == process_records.READY
    return [_held(checkout, service, port, family, ready=ready) for port in service.ports]


def _held(
    checkout: Context, service: Service, port: Port, family: set[int], *, ready: bool
) -> Finding:
    try:
        number = port.number(checkout.environ)
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
        ports.refusal(service, port, checkout.environ),
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


def predicted(health: SystemHealth, checkout: Context, findings: Iterable[Finding]) -> SystemHealth:
    """`health` with a cause for each process that does not run and could not, as its launcher would
    say it. `findings` are those of `check`, and others."""
    held = {
        finding.what.rpartition(" ")[2]: finding.detail
        for finding in findings
        if finding.group == "ports" and finding.state == "fail"
    }
    return replace(
        health,
        processes={
            name: _predicted(process, checkout, held.get(name, ""))
            for name, process in health.processes.items()
        },
    )


def _predicted(process: Process, checkout: Context, held: str) -> Process:
    if process.state != "stopped" or process.cause:
        return process
    if process.name in checkout.refusals:
        cause, detail = checkout.refusals[process.name]
        return replace(process, state="failed", cause=cause, detail=detail)
    if held:
        return replace(process, state="failed", cause="port-taken", detail=held)
    # Seen once, at this moment: without a time, since the judge waits a second for a restart.
    return replace(process, since=None)
