"""Cut a Piper voice in two: what works on a whole clause, and what makes the sound of it.

The second half (`/dec`, most of the time) knows only some frames to each side, so it can make
a clause's sound piece by piece, of which the first is there long before the last.
`python -m dev.models.speaking.cut VOICE.onnx FOLDER` writes both halves; a process of its own,
because the package that reads models takes 100 MB of memory that nobody needs later.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from dev.models.weights import ROOT
from dev.services import CHECKOUT

FIRST, SECOND = "clause.onnx", "sound.onnx"
CUT_LIMIT_S = 120.0
CANNOT_BE_CUT = 3  # exit status
SECOND_HALF = "/dec/"  # how the names of its nodes begin


def halves(model: Path) -> tuple[Path, Path] | None:
    """Both halves of `model`, made when they are not there yet; None when it cannot be cut."""
    with model.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    folder = ROOT / "cut" / f"{model.stem}-{digest[:16]}"
    first, second = folder / FIRST, folder / SECOND
    if second.is_file():  # written last
        return first, second
    folder.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "dev.models.speaking.cut",
        model.absolute(),
        folder,
    ]
    done = subprocess.run(
        command, cwd=CHECKOUT, timeout=CUT_LIMIT_S, capture_output=True, text=True, check=False
    )
    if done.returncode == CANNOT_BE_CUT:
        return None
    if done.returncode != 0:
        raise RuntimeError(f"{model} cannot be cut in two: {done.stderr.strip()[-500:]}")
    return first, second


def main(model: Path, folder: Path) -> int:
    import onnx
    from onnx.utils import Extractor

    whole = onnx.load(str(model))
    graph = whole.graph
    second = [node for node in graph.node if node.name.startswith(SECOND_HALF)]
    known = {weights.name for weights in graph.initializer}
    known |= {name for node in second for name in node.output}
    # In the order of the nodes, so that the frames come first, and then who speaks, if many can.
    between = list(dict.fromkeys(n for node in second for n in node.input if n and n not in known))
    given = [tensor.name for tensor in graph.input]
    if not between or set(between) & set(given):
        return CANNOT_BE_CUT
    extractor = Extractor(whole)
    for name, inputs, outputs in (
        (FIRST, given, between),
        (SECOND, between, [graph.output[0].name]),
    ):
        part = folder / f".{name}"
        onnx.save(extractor.extract_model(inputs, outputs), str(part))
        part.replace(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
