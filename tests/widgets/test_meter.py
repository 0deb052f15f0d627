from nbtrack.widgets.meter import Meter


def test_rate_without_pauses() -> None:
    times = iter([0, 5, 10, 10 + 31, 46, 51])
    meter = Meter(clock=lambda: float(next(times)))
    assert (str(meter), meter.per_minute) == ("0 actions", None)
    meter.count()
    assert str(meter) == "1 action"
    meter.count()
    assert meter.per_minute is None, "one interval says little"
    meter.count()
    assert str(meter) == "3 actions, 12 per minute"
    meter.count()
    assert meter.per_minute == 12, "the pause is not working time"
    meter.count()
    assert meter.count() == 6
    assert str(meter) == "6 actions, 12 per minute"


def test_no_time_between_actions() -> None:
    meter = Meter(clock=lambda: 1.0)
    for _ in range(4):
        meter.count()
    assert meter.per_minute is None
