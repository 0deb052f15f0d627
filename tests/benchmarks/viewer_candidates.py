"""The viewers that `bench_viewer.py` measures, each as its user would put it into a notebook; and the movie they show.

The first part runs in the kernel behind a page. All show the same movie; Shift + wheel is one frame on or back, a click
gives the object under the mouse another colour. nbtrack does this by itself. stackview and ipympl get a few lines for
it, which favour them: they show frames that were composed beforehand and compose anew only what was clicked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

N_FRAMES = 20
SHOWN = 512
"""CSS pixels of the other viewers; nbtrack shows its image 624 x 470, which is a little more."""


# --------------------------------------------------------------------------- the movie
def make_movie(size: int, folder: Path) -> None:
    """Write grey values, labels, colours and composed frames of discs that drift; one in 40 x 40 pixels."""
    rng = np.random.default_rng(0)
    n = int((size / 40) ** 2)
    grid = int(np.ceil(np.sqrt(n)))
    pitch = size / grid
    centers = (np.stack(np.unravel_index(np.arange(n), (grid, grid)), -1) + 0.5) * pitch
    centers += rng.normal(0, 0.08 * pitch, (n, 2))
    radii = rng.uniform(0.22, 0.36, n) * pitch
    raw = np.empty((N_FRAMES, size, size), np.uint8)
    labels = np.zeros((N_FRAMES, size, size), np.uint16)
    colors = np.zeros((n + 1, 4), np.uint8)
    colors[1:] = np.hstack([rng.integers(60, 255, (n, 3)), np.full((n, 1), 110)])
    for t in range(N_FRAMES):
        light = rng.normal(24, 6, (size, size)).astype(np.float32)
        for i, (center, radius) in enumerate(zip(centers, radii, strict=True), 1):
            reach = int(1.6 * radius) + 1
            box = tuple(slice(max(0, int(c) - reach), min(size, int(c) + reach + 1)) for c in center)
            y, x = np.ogrid[box]
            distance = (y - center[0]) ** 2 + (x - center[1]) ** 2
            light[box] += 150 * np.exp(-distance / radius**2)
            labels[t][box][distance <= radius**2] = i
        raw[t] = np.clip(light, 0, 255)
        centers += rng.normal(0, 0.03 * pitch, centers.shape)
    composed = np.stack([compose(*frame, colors) for frame in zip(raw, labels, strict=True)])
    for name, array in {"raw": raw, "labels": labels, "colors": colors, "composed": composed}.items():
        np.save(folder / f"{name}_{size}.npy", array)


def compose(raw: np.ndarray, labels: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Put half-transparent objects over a frame."""
    over = colors[labels]
    alpha = over[..., 3:].astype(np.uint16)
    return ((raw[..., None] * (255 - alpha) + over[..., :3] * alpha) // 255).astype(np.uint8)


# --------------------------------------------------------------------------- nbtrack
class Nbtrack:
    """The manual workbench; a click gives an object to the active track and goes on to the next frame."""

    def __init__(self, size: int) -> None:
        import nbtrack as nbt

        raw, labels = (nbt.Movie.from_array(np.load(f"{name}_{size}.npy"), axes="tyx") for name in ("raw", "labels"))
        self.size = size
        self.session = nbt.Session(raw, nbt.detect(labels))
        self.tracker = nbt.ManualTracker(self.session)
        self.widget = self.tracker.widget
        self._default = self.tracker.viewer.canvas.widget.cache_bytes

    def cache(self, on: bool) -> bool:
        """Let the browser forget all and keep one frame only, so that nothing is fetched ahead; or as ever."""
        canvas = self.tracker.viewer.canvas.widget
        canvas.cache_bytes = self._default if on else self.size**2 * 3
        if not on:
            canvas.epoch += 1
        return on

    def goto(self, t: int) -> int:
        """Show a frame."""
        self.tracker.goto(t)
        return t

    def free_object(self, t: int) -> list[int]:
        """Give id, y and x of the largest object of a frame that has no track."""
        table = self.session.detections.table.query("t == @t").sort_values("size", ascending=False)
        for row in table.itertuples():
            if not self.session.lineage.tracks_at(t, row.object_id):
                return [int(row.object_id), round(row.y), round(row.x)]
        raise LookupError(t)


# --------------------------------------------------------------------------- the others
class Composed:
    """What is shown as composed frames."""

    def __init__(self, size: int) -> None:
        arrays = (np.load(f"{name}_{size}.npy") for name in ("raw", "labels", "colors", "composed"))
        self.raw, self.labels, self.colors, self.frames = arrays
        self.size, self.t = size, 10
        self.rng = np.random.default_rng(1)

    def step(self, by: float) -> None:
        """Go on or back."""
        self.t = (self.t + (1 if by > 0 else -1)) % N_FRAMES
        self.show()

    def recolor(self, y: float, x: float) -> None:
        """Give the object at a pixel another colour."""
        y, x = (min(max(int(c), 0), self.size - 1) for c in (y, x))
        self.colors[self.labels[self.t, y, x] or 1, :3] = self.rng.integers(60, 255, 3)
        self.frames[self.t] = compose(self.raw[self.t], self.labels[self.t], self.colors)
        self.show()


class Stackview(Composed):
    """`stackview.slice`; its image widget is set as its slider does it, but by one event instead of several."""

    def __init__(self, size: int) -> None:
        import ipyevents
        import stackview

        super().__init__(size)
        self.widget = stackview.slice(self.frames, slice_number=self.t)
        self.view = self.widget.viewer.view
        self.view.layout.width = self.view.layout.height = f"{SHOWN}px"
        self.view.add_class("bench-view")
        watched = ["click", "wheel"]
        self.events = ipyevents.Event(source=self.view, watched_events=watched, prevent_default_action=True)
        self.events.on_dom_event(self.hear)

    def show(self) -> None:
        """Show the frame."""
        self.view.data = self.frames[self.t]

    def hear(self, event: dict) -> None:
        """Act on a browser event."""
        if event["event"] == "wheel":
            self.step(event["deltaY"] or event["deltaX"])
        else:
            y = (event["clientY"] - event["boundingRectTop"]) / event["boundingRectHeight"]
            x = (event["clientX"] - event["boundingRectLeft"]) / event["boundingRectWidth"]
            self.recolor(y * self.size, x * self.size)


class Ipympl(Composed):
    """`imshow` with ipympl; the frame is set as data of the image."""

    def __init__(self, size: int) -> None:
        import matplotlib as mpl

        mpl.use("module://ipympl.backend_nbagg")
        import matplotlib.pyplot as plt

        super().__init__(size)
        with plt.ioff():
            figure, axes = plt.subplots(figsize=(SHOWN / 100, SHOWN / 100), dpi=100)
        figure.subplots_adjust(0, 0, 1, 1)
        axes.axis("off")
        self.image = axes.imshow(self.frames[self.t], interpolation="nearest")
        self.widget = figure.canvas
        self.widget.header_visible = self.widget.toolbar_visible = self.widget.footer_visible = False
        self.widget.capture_scroll = True
        self.widget.add_class("bench-view")
        self.widget.mpl_connect("scroll_event", lambda event: self.step(-event.step))
        self.widget.mpl_connect("button_press_event", lambda event: self.recolor(event.ydata + 0.5, event.xdata + 0.5))

    def show(self) -> None:
        """Show the frame."""
        self.image.set_data(self.frames[self.t])
        self.widget.draw_idle()


class Echo:
    """The least that a click can cost: the kernel answers, the browser paints one pixel."""

    def __init__(self, size: int) -> None:
        import anywidget

        class EchoWidget(anywidget.AnyWidget):
            _esm = """
            function render({ model, el }) {
              const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
              canvas.width = canvas.height = 512;
              canvas.className = "bench-view";
              el.append(canvas);
              const pixel = context.createImageData(1, 1);
              model.on("msg:custom", () => context.putImageData(pixel, 0, 0));
              canvas.addEventListener("pointerup", () => model.send({ type: "click" }));
            }
            export default { render };"""

        self.widget = EchoWidget()
        self.widget.on_msg(lambda widget, content, buffers: widget.send({"type": "answer"}))
