from nbtrack.widgets.keymap import KEYS, help_table, image_keys, kernel_keys, key_of
from nbtrack.widgets.manual_tracker import ManualTracker


def test_no_key_twice() -> None:
    for panel in ("track", "classify", "review"):
        names = [name for key in KEYS if key.where in ("image", "view", panel) for name in key.keys]
        assert len(names) == len(set(names))
    both = set(image_keys()) & set(kernel_keys("track"))
    assert both == {name for key in KEYS if key.told for name in key.keys}
    assert not set(image_keys()) & set(kernel_keys())


def test_keys_of_the_reference() -> None:
    keys = kernel_keys("track")
    wanted = {"s": "new_track", "f": "mark_false", "q": "next_track", "a": "previous_track", "g": "next_object"}
    wanted |= {"d": "division"}
    assert wanted | {"e": "toggle_tracks", "r": "toggle_objects"} == {k: v for k, v in keys.items() if k in "sdfqager"}


def test_every_action_is_done_by_somebody(session) -> None:
    tracker = ManualTracker(session)
    assert set(tracker.actions.by_name) == set(kernel_keys("track").values()) - {"toggle_tracks", "toggle_objects"}
    script = (tracker.viewer.canvas.widget._esm).__str__()
    for action in image_keys().values():
        assert f'"{action}"' in script


def test_help_comes_from_the_table() -> None:
    table = help_table()
    for key in KEYS:
        panel = key.where if key.where in ("classify", "review") else "track"
        assert (key.together or key.help) in help_table(panel)
    assert "active track" not in help_table("view")
    assert key_of("redo") == "Shift+z"
    assert key_of("split", "review") == "s"
    assert key_of("play") == "Space"
    assert key_of("remove") == "Del"
    assert table.count("<table") == 4
