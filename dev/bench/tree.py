"""Which process belongs to which program, seen often and cheaply: who descends from whose launcher.

`System.families` also finds processes that left their parents, by the environment of every process
on the machine: too dear to be asked each second while that machine is measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import psutil

Families = dict[str, list[psutil.Process]]


class Tree:
    """The living processes below the roots; each belongs to the nearest root above it."""

    def __init__(self, roots: Mapping[str, psutil.Process]) -> None:
        self.roots = dict(roots)

    def now(self) -> Families:
        found: Families = {name: [] for name in self.roots}
        living = {process.pid: process for process in psutil.process_iter(["ppid", "status"])}
        root_of = {
            root.pid: name for name, root in self.roots.items() if living.get(root.pid) == root
        }
        for process in living.values():
            name = _family(process, living, root_of)
            if name is not None and process.info["status"] != psutil.STATUS_ZOMBIE:
                found[name].append(process)
        return found


def _family(
    process: psutil.Process, living: Mapping[int, psutil.Process], root_of: Mapping[int, str]
) -> str | None:
    seen = set()
    while process.pid not in seen:
        if process.pid in root_of:
            return root_of[process.pid]
        seen.add(process.pid)
        parent = living.get(process.info["ppid"])
        if parent is None:
            return None
        process = parent
    return None
