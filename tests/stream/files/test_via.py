"""Outlines drawn in VIA: projects and exports, every shape, and what is no such thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files.via import is_via, outlines

SHAPES: list[dict[str, Any]] = [
    {"name": "polygon", "all_points_x": [1, 9, 9], "all_points_y": [2, 2, 7]},
    {"name": "rect", "x": 10, "y": 20, "width": 4, "height": 6},
    {"name": "circle", "cx": 30, "cy": 40, "r": 5},
    {"name": "ellipse", "cx": 30, "cy": 40, "rx": 8, "ry": 2, "theta": 0.5},
]


def written(path: Path, *, project: bool = False, as_dict: bool = False) -> Path:
    regions: Any = [{"shape_attributes": shape, "region_attributes": {}} for shape in SHAPES]
    if as_dict:
        regions = {str(n): region for n, region in enumerate(regions)}
    pictures = {"a.png123": {"filename": "a.png", "size": 123, "regions": regions}}
    path.write_text(json.dumps({"_via_img_metadata": pictures} if project else pictures))
    return path


@pytest.mark.parametrize("project", [False, True])
@pytest.mark.parametrize("as_dict", [False, True])
def test_every_shape_is_an_outline(tmp_path: Path, project: bool, as_dict: bool) -> None:
    path = written(tmp_path / "via.json", project=project, as_dict=as_dict)
    assert is_via(path)
    triangle, rectangle, circle, ellipse = outlines(path)["a.png"]
    assert triangle.tolist() == [[2, 1], [2, 9], [7, 9]]
    assert rectangle.tolist() == [[20, 10], [20, 14], [26, 14], [26, 10]]
    np.testing.assert_allclose(np.hypot(*(circle - [40, 30]).T), 5)
    far = (ellipse - [40, 30])[np.hypot(*(ellipse - [40, 30]).T).argmax()]
    assert abs(np.hypot(*far) - 8) < 0.1
    assert abs(abs(far[0] / far[1]) - np.tan(0.5)) < 0.05


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "VIA JSON|can't"),
        ('{"a": 1}', "no annotated image"),
        ('{"a": {"filename": "a.png", "regions": [{}]}}', "VIA JSON|shape_attributes"),
        (
            '{"a": {"filename": "a.png", "regions": [{"shape_attributes": {"name": "point"}}]}}',
            "'point' has no area",
        ),
        (
            '{"a": {"filename": "a.png", "regions": [{"shape_attributes": {"name": "polygon",'
            ' "all_points_x": [1, 2], "all_points_y": [1, 2]}}]}}',
            "an outline needs three",
        ),
    ],
)
def test_what_is_no_outline_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "via.json"
    path.write_text(text)
    with pytest.raises(FileError, match=words):
        outlines(path)


def test_other_json_is_no_via(tmp_path: Path) -> None:
    for text in ("[1, 2]", "{", '{"sha256": "0"}'):
        path = tmp_path / "other.json"
        path.write_text(text)
        assert not is_via(path)
