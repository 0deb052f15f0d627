"""What commands print."""

from pathlib import Path

import numpy as np

from nbtrack.cli.output import plain, table


def test_plain_gives_only_what_json_knows() -> None:
    value = {
        1: np.float64(0.5),
        "array": np.array([1, 2]),
        "bound": float("-inf"),
        "missing": np.nan,
        "path": Path("a") / "b",
        "pair": (1, None),
        "flag": np.bool_(True),
    }
    assert plain(value) == {
        "1": 0.5,
        "array": [1, 2],
        "bound": None,
        "missing": None,
        "path": str(Path("a") / "b"),
        "pair": [1, None],
        "flag": True,
    }


def test_table_lines_up() -> None:
    assert table({"a": 1, "long": 2}) == "a     1\nlong  2"
    assert table({}) == ""
