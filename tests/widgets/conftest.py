"""A small movie with objects, and what the canvas sends to the browser."""

import numpy as np
import pytest

from nbtrack.data.movie import Movie
from nbtrack.editing.session import Session
from nbtrack.segmentation import detect
from nbtrack.widgets.canvas import CanvasWidget

PLACES = {1: (4, 4), 2: (4, 20), 5: (14, 12)}
"""Upper left corner of each object; every object is 5 x 5 pixels and moves one pixel to the right in each frame."""


def make_arrays(n_frames=4, dtype=np.uint16):
    raw = np.random.default_rng(0).normal(200, 10, (n_frames, 24, 32))
    labels = np.zeros((n_frames, 24, 32), np.uint32)
    for t in range(n_frames):
        for i, (y, x) in PLACES.items():
            labels[t, y : y + 5, x + t : x + t + 5] = i
    raw[labels > 0] += 800
    return raw.astype(dtype), labels


@pytest.fixture
def movie():
    return Movie.from_array(make_arrays()[0], "tyx")


@pytest.fixture
def detections():
    return detect(Movie.from_array(make_arrays()[1], "tyx"))


@pytest.fixture
def session(movie, detections):
    return Session(movie, detections)


@pytest.fixture
def volume():
    """Raw movie and detections in three dimensions: the objects are in slices 1 to 3 of 5."""
    raw, labels = make_arrays()
    thick = np.zeros((4, 5, 24, 32), np.uint32)
    thick[:, 1:4] = labels[:, None]
    grey = np.where(thick > 0, raw[:, None], 100).astype(np.float32)
    return Movie.from_array(grey, "tzyx"), detect(Movie.from_array(thick, "tzyx"))


@pytest.fixture
def sent(monkeypatch):
    """List of (message, buffers) that went to the browser."""
    messages = []
    monkeypatch.setattr(
        CanvasWidget, "send", lambda self, content, buffers=None: messages.append((content, buffers or []))
    )
    return messages


@pytest.fixture
def tell():
    """Hand a canvas a message as the browser does."""

    def send(canvas, kind, **content):
        content = {"t": canvas.widget.t, "z": canvas.widget.z, "type": kind} | content
        canvas.widget._handle_custom_msg(content, [])

    return send


@pytest.fixture
def click(tell):
    """Click an object."""

    def send(canvas, object_id, button=0, **content):
        y, x = PLACES.get(object_id, (0, 0))
        tell(canvas, "pick", **({"y": y, "x": x, "object_id": object_id, "button": button, "modifiers": []} | content))

    return send


@pytest.fixture
def press(tell):
    """Press a key over an object, or beside all of them."""

    def send(canvas, key, object_id=0):
        tell(canvas, "key", key=key, y=-1, x=-1, object_id=object_id)

    return send
