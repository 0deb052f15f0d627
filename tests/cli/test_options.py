"""Options made from parameter dataclasses."""

import argparse
from dataclasses import dataclass, fields

import pytest

from nbtrack.cli.options import add_params, given_params
from nbtrack.params import SegmentationParams, TrackingParams, param


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One field of every kind."""

    flag: bool = param(True, "Flag", "On or off.")
    many: int = param(2, "Many", "How many, 50 % more.", low=1, high=9, careful=3)
    some: float | None = param(None, "Some", "Perhaps.", low=0, unit="s")
    width: float | tuple[float, ...] = param(1.0, "Width", "One or one per axis.")
    limits: tuple[int, int] = param((1, 5), "Limits", "From and to.")
    window: tuple[int, int] | None = param(None, "Window", "From and to.")
    kind: str = param("a", "Kind", "Which.", choices=("a", "b"))


def parse(params: type, *words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_params(parser, params)
    return given_params(parser.parse_args(words), params)


def test_what_is_not_given_leaves_no_trace() -> None:
    assert parse(Choices) == {}


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--no-flag"], {"flag": False}),
        (["--many", "3"], {"many": 3}),
        (["--some", "2.5"], {"some": 2.5}),
        (["--some", "none"], {"some": None}),
        (["--width", "2"], {"width": 2.0}),
        (["--width", "1", "2", "2"], {"width": (1.0, 2.0, 2.0)}),
        (["--limits", "3", "4"], {"limits": (3, 4)}),
        (["--window", "3", "4"], {"window": (3, 4)}),
        (["--kind", "b"], {"kind": "b"}),
    ],
)
def test_every_kind_of_value(words: list[str], given: dict[str, object]) -> None:
    assert parse(Choices, *words) == given


def test_one_number_stays_a_tuple_where_only_tuples_are_allowed() -> None:
    assert parse(TrackingParams, "--data-scales", "2") == {"data_scales": (2.0,)}


@pytest.mark.parametrize("words", [["--many", "2.5"], ["--kind", "c"], ["--limits", "3"]])
def test_wrong_values_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(Choices, *words)
    assert words[0] in capsys.readouterr().err


def test_help_tells_unit_range_and_defaults() -> None:
    parser = argparse.ArgumentParser()
    add_params(parser, Choices)
    text = " ".join(parser.format_help().split())
    assert "How many, 50 % more. [1 to 9; default 2; preset careful: 3]" in text
    assert "[in s; at least 0; not set by default]" in text
    assert "[default 1 5]" in text


@pytest.mark.parametrize("params", [SegmentationParams, TrackingParams])
def test_every_field_has_an_option(params: type) -> None:
    parser = argparse.ArgumentParser()
    add_params(parser, params)
    text = parser.format_help()
    assert all(f"--{item.name.replace('_', '-')} " in text for item in fields(params))


def test_presets_hold_unless_overridden() -> None:
    given = parse(TrackingParams, "--preset", "chaingraph", "--appearance", "7")
    params = TrackingParams(**given)  # type: ignore[arg-type]
    assert params.appearance == 7
    assert params.disappearance == TrackingParams(preset="chaingraph").disappearance != TrackingParams().disappearance
