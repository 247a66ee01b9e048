"""Cut a Piper voice in three: what works on a whole clause, and two parts that need not.

The first part reads the phonemes and decides how long each lasts. The second (`/flow`) makes frames
of that, the third (`/dec`) sound of the frames; these know only some frames to each side, so a
clause's sound can be made piece by piece, of which the first is there long before the last.
`python -m dev.models.speaking.cut VOICE.onnx FOLDER` writes the parts; a process of its own,
because the package that reads models takes 100 MB of memory that nobody needs later.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dev.models.weights import ROOT
from dev.services import CHECKOUT

PARTS = ("text.onnx", "frames.onnx", "sound.onnx")
CUT_LIMIT_S = 120.0
CANNOT_BE_CUT = 3  # exit status
SECOND, THIRD = "/flow/", "/dec/"  # how the names of their nodes begin


def parts(model: Path) -> list[Path]:
    """The parts of `model`, made when they are not there yet; none when it cannot be cut."""
    with model.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    folder = ROOT / "cut" / f"{model.stem}-{digest[:16]}"
    made = [folder / name for name in PARTS]
    if all(part.is_file() for part in made):
        return made
    folder.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [sys.executable, "-m", "dev.models.speaking.cut"]
    done = subprocess.run(
        [*command, model.absolute(), folder],
        cwd=CHECKOUT,
        timeout=CUT_LIMIT_S,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == CANNOT_BE_CUT:
        return []
    if done.returncode != 0:
        raise RuntimeError(f"{model} cannot be cut: {done.stderr.strip()[-500:]}")
    return made


def main(model: Path, folder: Path) -> int:
    import onnx
    from onnx.utils import Extractor

    whole = onnx.load(str(model))
    graph = whole.graph
    weights = {tensor.name for tensor in graph.initializer}
    third = _with_what_follows(graph.node, THIRD, [])
    second = _with_what_follows(graph.node, SECOND, third)
    given = [tensor.name for tensor in graph.input]
    prior, frames = _inputs(second, weights), _inputs(third, weights)
    if not prior or not frames or (set(prior) | set(frames)) & set(given):
        return CANNOT_BE_CUT
    made = {name for node in second for name in node.output}
    flowed = [name for name in frames if name in made]
    # What the third part takes from the first is who speaks, which the second takes as well.
    if len(flowed) != 1 or not set(frames) <= {*flowed, *prior}:
        return CANNOT_BE_CUT
    extractor = Extractor(whole)
    for name, inputs, outputs in zip(
        PARTS,
        (given, prior, frames),
        (prior, flowed, [graph.output[0].name]),
        strict=True,
    ):
        part = folder / f".{name}"
        onnx.save(extractor.extract_model(inputs, outputs), str(part))
        part.replace(folder / name)
    return 0


def _with_what_follows(nodes: Sequence[Any], prefix: str, but: Iterable[Any]) -> list[Any]:
    """The nodes of that name and those that come of them; the graph has them in order."""
    others = {id(node) for node in but}
    chosen: list[Any] = []
    made: set[str] = set()
    for node in nodes:
        if id(node) not in others and (node.name.startswith(prefix) or made & set(node.input)):
            chosen.append(node)
            made |= set(node.output)
    return chosen


def _inputs(nodes: Iterable[Any], weights: set[str]) -> list[str]:
    """What the nodes take that they do not make, in order."""
    nodes = list(nodes)
    known = weights | {name for node in nodes for name in node.output}
    return list(dict.fromkeys(n for node in nodes for n in node.input if n and n not in known))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
