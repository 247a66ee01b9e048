"""Embeddings: the same for the same text, near for texts that are alike, of length 1."""

from __future__ import annotations

import numpy as np
import pytest

from dev.models.embeddings import DIMENSIONS, embed


def test_alike_is_near() -> None:
    one, alike, other = (
        embed(text)
        for text in (
            "my favorite color is green",
            "Which color is my favorite?",
            "trains to Rome run hourly",
        )
    )
    assert one @ alike > 0.5
    assert abs(one @ other) < 0.2


@pytest.mark.parametrize("text", ["", "a", "?!", "Größe", "word " * 5000])
def test_every_text_has_a_vector_of_length_one(text: str) -> None:
    vector = embed(text)
    assert vector.shape == (DIMENSIONS,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert (vector == embed(text)).all()


def test_fewer_dimensions_on_request() -> None:
    assert embed("hello", 8).shape == (8,)
