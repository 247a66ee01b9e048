"""A voice cut in three says what the whole one says, and who speaks reaches each part of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from dev.models.speaking import cut

LENGTH = 5


def voice(path: Path, names: list[str]) -> Path:
    """A small graph shaped as Piper's: text, then frames of it, then sound; each knows the speaker.
    `names` are those of its nodes."""
    nodes = [
        ("Mul", ["input", "scale"], "prior"),
        ("Add", ["sid", "zero"], "speaker"),
        ("Add", ["prior", "speaker"], "mixed"),
        ("Mul", ["mixed", "scale"], "frames"),  # has no name of its part, as some of Piper's
        ("Add", ["frames", "speaker"], "summed"),
        ("Mul", ["summed", "scale"], "output"),
    ]
    graph = helper.make_graph(
        [
            helper.make_node(kind, inputs, [output], name=name)
            for (kind, inputs, output), name in zip(nodes, names, strict=True)
        ],
        "voice",
        [
            helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 1, LENGTH]),
            helper.make_tensor_value_info("sid", TensorProto.FLOAT, [1, 1, 1]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, LENGTH])],
        [
            helper.make_tensor("scale", TensorProto.FLOAT, [1], [3.0]),
            helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
        ],
    )
    model = helper.make_model(
        onnx.shape_inference.infer_shapes(helper.make_model(graph)).graph,
        opset_imports=[helper.make_opsetid("", 15)],
        ir_version=8,
    )
    onnx.save(model, str(path))
    return path


def run(path: Path, known: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = {tensor.name: known[tensor.name] for tensor in session.get_inputs()}
    names = [tensor.name for tensor in session.get_outputs()]
    return dict(zip(names, session.run(None, given), strict=True))


def test_the_parts_one_after_the_other_are_the_whole(tmp_path: Path) -> None:
    model = voice(tmp_path / "a.onnx", ["/enc/1", "/emb/1", "/flow/1", "Mul_1", "/dec/1", "/dec/2"])
    assert cut.main(model, tmp_path) == 0
    given = {
        "input": np.arange(LENGTH, dtype=np.float32).reshape(1, 1, -1),
        "sid": np.full((1, 1, 1), 0.5, np.float32),
    }
    known = dict(given)
    for part in cut.PARTS:
        known |= run(tmp_path / part, known)
    assert (known["output"] == run(model, given)["output"]).all()
    session = InferenceSession(str(tmp_path / cut.PARTS[2]), providers=["CPUExecutionProvider"])
    assert [tensor.name for tensor in session.get_inputs()] == ["frames", "speaker"]


@pytest.mark.parametrize(
    "names",
    [
        ["1", "2", "3", "4", "5", "6"],
        ["/enc/1", "/emb/1", "/enc/2", "/enc/3", "/dec/1", "/dec/2"],
        ["/flow/1", "/flow/2", "/flow/3", "/flow/4", "/dec/1", "/dec/2"],
    ],
)
def test_a_voice_of_another_make_is_left_whole(tmp_path: Path, names: list[str]) -> None:
    assert cut.main(voice(tmp_path / "a.onnx", names), tmp_path) == cut.CANNOT_BE_CUT
    assert not (tmp_path / cut.PARTS[0]).exists()
