from nbtrack.widgets.keymap import KEYS, help_table, image_keys, kernel_keys, key_of
from nbtrack.widgets.manual_tracker import ManualTracker


def test_no_key_twice() -> None:
    names = [name for key in KEYS for name in key.keys]
    assert len(names) == len(set(names))
    assert not set(image_keys()) & set(kernel_keys(tracker=True))


def test_keys_of_the_reference() -> None:
    keys = kernel_keys(tracker=True)
    wanted = {"s": "new_track", "f": "mark_false", "q": "next_track", "a": "previous_track", "g": "next_object"}
    assert wanted | {"e": "toggle_tracks", "r": "toggle_objects"} == {k: v for k, v in keys.items() if k in "sfqager"}


def test_every_action_is_done_by_somebody(session) -> None:
    tracker = ManualTracker(session)
    for action in set(kernel_keys(tracker=True).values()) - {"mark_false", "toggle_tracks", "toggle_objects"}:
        assert action in tracker._actions
    script = (tracker.viewer.canvas.widget._esm).__str__()
    for action in image_keys().values():
        assert f'"{action}"' in script


def test_help_comes_from_the_table() -> None:
    table = help_table()
    for key in KEYS:
        assert (key.together or key.help) in table
    assert "active track" not in help_table(tracker=False)
    assert key_of("redo") == "Shift+z"
    assert key_of("play") == "Space"
