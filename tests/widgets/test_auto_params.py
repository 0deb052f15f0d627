"""The box of parameters: it follows the fields of the parameters, whatever they are."""

from dataclasses import fields

import ipywidgets
import pytest

import nbtrack as nbt
from nbtrack.params import PRESETS
from nbtrack.widgets.auto_params import IN_SIGHT, ParameterBox, described_change, params_of, slider_limits, used_by
from nbtrack.widgets.messages import Messages

FIELDS = {item.name: item for item in fields(nbt.TrackingParams)}


@pytest.fixture
def told():
    return []


@pytest.fixture
def box(told):
    messages = Messages()
    made = ParameterBox(nbt.TrackingParams(), guard=messages.guard, on_change=told.append)
    yield made
    assert messages.last_error is None


def choose(box, name, value):
    box.controls.inputs[name][0].value = value


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_brings_its_defaults_and_its_parameters(box, told, preset) -> None:
    choose(box, "alpha", 7.5)
    choose(box, "preset", preset)
    assert box.params == nbt.TrackingParams(preset=preset, alpha=7.5)
    shown = [*box._first.children, *box._others.children]
    assert shown == [box._parts[name] for name in used_by(preset)]
    assert len(box._first.children) == IN_SIGHT
    assert told == ["alpha", *(["preset"] if preset != "adaptive" else [])]
    box.reset.click()
    assert box.params == nbt.TrackingParams(preset=preset)
    assert told[-1] == ""


def test_every_parameter_is_used_by_some_preset_and_has_its_sentence(box) -> None:
    assert set().union(*map(used_by, PRESETS)) == set(FIELDS)
    assert "noise_rate" not in used_by("conservation")
    assert {"noise_rate", "noise_weight"} <= set(used_by("chaingraph"))
    for name, part in box._parts.items():
        caption, sentence = part.children[0].children[0].value, part.children[1].value
        assert FIELDS[name].metadata["label"] in caption
        assert len(sentence) > len('<div class="nbt-sentence-small"></div>')


def test_folding(box) -> None:
    assert box._others.layout.display == "none"
    assert box.more.description == f"{len(used_by('adaptive')) - IN_SIGHT} more parameters"
    box.more.value = True
    assert box._others.layout.display == ""
    assert box.more.description == "Fewer parameters"


@pytest.mark.parametrize("preset", PRESETS)
def test_any_parameters_can_be_shown(box, told, preset) -> None:
    params = nbt.TrackingParams(
        preset=preset, appearance=12345.0, noise_rate=0.0005, t_range=(1, 4), x_range=(0, 50), size_range=(3, 99),
        data_scales=(1.0, 1.5, 2.0), timeout=3.5, threads=2, divisible=False, optimality_gap=0.01, solver="highs",
    )  # fmt: skip
    box.show(params)
    assert box.params == params
    assert told == []


def test_what_is_typed(box) -> None:
    choose(box, "data_scales", "2")
    assert box.params.data_scales == (2,)
    choose(box, "x_range", "5")
    with pytest.raises(nbt.InputError, match="`x_range` must be two numbers"):
        _ = box.params
    choose(box, "x_range", "")
    choose(box, "timeout", "soon")
    with pytest.raises(nbt.InputError, match="`timeout` must be a number"):
        _ = box.params


def test_sliders_end_at_four_times_the_default_of_the_preset(box) -> None:
    assert slider_limits(FIELDS["appearance"], "conservation") == (0, 2000, 10)
    assert slider_limits(FIELDS["appearance"], "chaingraph") == (0, 4000, 10)
    assert slider_limits(FIELDS["opportunity"], "conservation") == (0, 4000, 10), "of another preset"
    assert slider_limits(FIELDS["division_threshold"], "conservation") == (0, 1, 0.01)
    assert slider_limits(FIELDS["alpha"], "conservation") == (0.1, 20, 0.1)
    assert slider_limits(FIELDS["optimality_gap"], "conservation") is None
    assert slider_limits(FIELDS["neighbors"], "conservation") is None
    slider = box.controls.inputs["appearance"][0]
    assert isinstance(slider, ipywidgets.FloatSlider)
    choose(box, "preset", "chaingraph")
    assert (slider.value, slider.max) == (1000, 4000)


def test_a_slider_has_a_step_that_divides_its_value_before_it_has_the_value(box) -> None:
    """The browser rounds a value to the step that it knows, and tells so: 3 with steps of 10 became 0."""
    slider, seen = box.controls.inputs["appearance"][0], []
    for name in ("value", "step", "min", "max"):
        slider.observe(lambda change: seen.append((slider.value - slider.min) / slider.step), name)
    choose(box, "preset", "conservation")
    assert (slider.value, slider.max, slider.step) == (500, 2000, 10)
    choose(box, "preset", "adaptive")
    assert (slider.value, slider.max, slider.step) == (3, 12, 0.1)
    choose(box, "preset", "conservation")
    box.show(nbt.TrackingParams(preset="conservation", appearance=123.5))
    assert (slider.value, slider.max, slider.step) == (123.5, 2000, 0.1)
    assert len(seen) > 6
    assert all(abs(steps - round(steps)) < 1e-6 for steps in seen)
    box.show(nbt.TrackingParams(preset="conservation", appearance=100 / 3))
    assert slider.step == pytest.approx(0.01)


def test_changes_in_words() -> None:
    changed = {"appearance": (500.0, 700.0), "divisible": (True, False), "t_range": (None, (1, 4)), "sigma": (1.0, 2.0)}
    said = "Appearance 500 → 700, Divisible objects yes → no, Field of view, t none → 1 to 4, sigma 1 → 2"
    assert described_change(changed) == said
    assert params_of({"alpha": 3.0, "of an older version": 1}) == nbt.TrackingParams(alpha=3.0)
