"""The ports of the system, and who holds each."""

from __future__ import annotations

import asyncio

from dev import ports, processes, records
from dev.doctor.finding import Finding
from dev.doctor.surroundings import Surroundings
from dev.services import Port, Service, services


async def check(around: Surroundings) -> list[Finding]:
    wanted = [
        (service, port)
        for service in services().values()
        if service.name not in around.monitors
        for port in service.ports
    ]
    return list(
        await asyncio.gather(
            *(asyncio.to_thread(_held, around, service, port) for service, port in wanted)
        )
    )


def _held(around: Surroundings, service: Service, port: Port) -> Finding:
    try:
        number = port.number(around.environ)
    except ValueError:
        return Finding("ports", port.setting, "skip", "its setting is wrong")
    what = f"{number} {port.kind} {service.name}"
    record = records.read(around.home, service.name)
    runs = record is not None and record.program is not None and record.program.alive
    if ports.is_free(number, port.kind):
        if runs and record is not None and record.state == records.READY:
            detail = f"nobody listens there, though {service.name} is called ready"
            next_step = f"./restart_voice_system.sh {service.name}"
            return Finding("ports", what, "fail", detail, next_step)
        return Finding("ports", what, "ok", "free")
    holder = ports.holder(number, port.kind)
    if holder is not None and record is not None and record.program is not None:
        family = {one.pid for one in processes.family(record.program, record.tag)}
        if holder.pid in family:
            return Finding("ports", what, "ok", f"ours, pid {holder.pid}: {ports.command(holder)}")
    return Finding(
        "ports",
        what,
        "fail",
        ports.refusal(service, port, around.environ),
        f"end that process, or set {port.setting} to another port",
    )
