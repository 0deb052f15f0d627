"""A person at the workbench: acts with mouse and keys, and counts what it does.

One action is a click, a press of a key or of a button, or a drag. Moving the mouse and going through time is none:
peers are counted the same way (the table in `tests/benchmarks/README.md`).
"""

import numpy as np
from browserkit import equals, kernel
from scipy import ndimage


class Person:
    """Acts on a tracker that is called `tracker` in the kernel, on objects known by their id.

    Parameters
    ----------
    canvas : canvaskit.Canvas
        The image.
    """

    def __init__(self, canvas):
        self.canvas = canvas
        self.page = canvas.page
        self.actions = 0

    def go(self, t):
        """Go to a frame with the wheel; not counted."""
        box = self.canvas.node.bounding_box()
        self.page.mouse.move(box["x"] + 5, box["y"] + 5)
        while (now := int(self.canvas.data("t"))) != t:
            self.canvas.wheel(100 if t > now else -100, "Shift")
            self.canvas.wait("t", now + (1 if t > now else -1))

    def point(self, t, object_id, of="tracker.session.detections"):
        """Rest the mouse on an object of the shown frame; not counted."""
        y, x = inner_point(self.page, t, object_id, of)
        self.canvas.hover(y, x)
        self.canvas.wait("hover", object_id)
        return y, x

    def click(self, t, object_id, *, button="left", key=None, of="tracker.session.detections"):
        """Click an object of the shown frame."""
        y, x = self.point(t, object_id, of)
        if key:
            self.page.keyboard.down(key)
        self.canvas.click(y, x, button=button)
        if key:
            self.page.keyboard.up(key)
        self.actions += 1

    def press(self, key):
        """Press a key."""
        self.page.keyboard.press(key)
        self.actions += 1

    def button(self, name, within=None):
        """Press a button."""
        (within or self.canvas.root).get_by_role("button", name=name).first.click()
        self.actions += 1

    def count(self):
        """Tell the actions since the last call."""
        actions, self.actions = self.actions, 0
        return actions


def inner_point(page, t, object_id, of="tracker.session.detections"):
    """Find a pixel that is surely inside an object of the plane: its farthest from the background."""
    return kernel(
        page,
        "(lambda d: [int(v) for v in __import__('numpy').unravel_index(d.argmax(), d.shape)])"
        f"(__import__('scipy.ndimage').ndimage.distance_transform_edt({of}.labels[{t}] == {object_id}))",
    )


def inner_points(detections):
    """Find a pixel that is surely inside each object: its farthest from the background, by frame and id."""
    found = {}
    for t in range(detections.n_frames):
        labels = np.asarray(detections.labels[t])
        for i, box in enumerate(ndimage.find_objects(labels.astype(np.int64)), 1):
            if box is not None:
                depth = ndimage.distance_transform_edt(np.pad(labels[box] == i, 1))
                inside = np.unravel_index(depth.argmax(), depth.shape)
                found[t, i] = tuple(int(b.start + k - 1) for b, k in zip(box, inside, strict=True))
    return found


def tracks(page):
    """The lineage without the numbers of its tracks: their objects, and those of parent and children of divisions."""
    return kernel(
        page,
        "(lambda l: [sorted([list(o.items()) for o in map(l.objects_of, l.track_ids)]), "
        "sorted([[list(l.objects_of(i).items()) for i in (d.parent_track_id, *sorted(d.children, key=lambda c: "
        "list(l.objects_of(c).items())))] for d in l.divisions.values()])])(tracker.session.lineage)",
    )


def wait_for_tracks(page, wanted):
    """Poll until the lineage is as wanted, up to the numbers of its tracks."""
    equals(lambda: tracks(page), wanted)
