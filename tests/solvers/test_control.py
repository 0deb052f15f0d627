"""The clock, the cancel button and the progress line of a solve."""

from math import inf

import pytest

from nbtrack.solvers.control import Control, Progress


def test_gap_of_progress_is_relative_to_at_least_one() -> None:
    assert Progress("relaxation", 200.0, 190.0, 1.0).gap == pytest.approx(0.05)
    assert Progress("relaxation", 0.5, 0.25, 1.0).gap == pytest.approx(0.25)
    assert Progress("relaxation", inf, 3.0, 1.0).gap == inf


def test_the_clock_and_the_button_tell_why_to_stop() -> None:
    control = Control()
    assert (control.remaining, control.stop_status) == (inf, None)
    control.timeout = 0.0
    assert (control.remaining, control.stop_status) == (0.0, "time_limit")
    control.cancel.set()
    assert control.stop_status == "interrupted"
    assert control.seconds > 0


def test_a_listener_hears_and_nobody_is_no_fault() -> None:
    seen: list[Progress] = []
    Control(progress=seen.append).report("relaxation", 5.0, 4.0)
    Control().report("relaxation")
    assert [(p.phase, p.incumbent, p.bound) for p in seen] == [("relaxation", 5.0, 4.0)]
