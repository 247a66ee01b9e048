"""The growth of memory in words: a line for each process that counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dev.bench.growth import Growth, Passing
from dev.bench.slope import Slope

STILL_MB_H = 0.1  # what grows by certainly less is not worth a line


def memory_told(
    lasting: Sequence[Growth], passing: Sequence[Passing], families: Mapping[str, Slope | None]
) -> list[str]:
    moving = [each for each in lasting if not is_still(each)]
    moving.sort(key=lambda each: each.memory.per_hour if each.memory else 0.0, reverse=True)
    lines = [
        f"{each.label}: {' '.join(f'{size:.1f}' for size in each.sizes)} MB, "
        f"{slope_told(each.memory, 'MB/h')}, "
        f"open files {slope_told(each.fds, '/h')}, threads {slope_told(each.threads, '/h')}"
        for each in moving
    ]
    if len(lasting) > len(moving):
        lines.append(
            f"{len(lasting) - len(moving)} other processes did not change by {STILL_MB_H:g} MB/h, "
            "nor in open files or threads"
        )
    lines += [
        f"{each.family}: {each.count} processes came and went, at most {each.largest:.1f} MB each "
        f"(median {each.middle:.1f}); from one to the next {slope_told(each.memory, 'MB/h')}"
        for each in passing
    ]
    lines += [
        f"{name}, all of it (PSS): {slope_told(each, 'MB/h')}" for name, each in families.items()
    ]
    return lines


def is_still(each: Growth) -> bool:
    parts = (each.memory, each.fds, each.threads)
    return all(one and abs(one.per_hour) + one.give_or_take < STILL_MB_H for one in parts)


def slope_told(found: Slope | None, unit: str) -> str:
    if found is None:
        return "too few samples for a slope"
    return f"{found.per_hour:+.2f} ± {found.give_or_take:.2f} {unit}"
