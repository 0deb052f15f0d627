"""Where voxels are on a picture: one plane, or three linked ones; scale and centre are shared by the planes.

The same layout as that of the canvas (`static/board.js`), for pictures that are made in the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

GAP = 4
"""CSS pixels between planes."""
SIDE_WIDTH, SIDE_HEIGHT = 104, 64
"""The least room for the planes at the right and below."""
THIN = 24
"""A volume that is flatter than this many CSS pixels is stretched."""
_MODIFIERS = ("shift", "ctrl", "alt", "meta")
_AXES = {"xy": ("x", "y", "z"), "xz": ("x", "z", "y"), "yz": ("z", "y", "x")}


@dataclass
class Plane:
    """A plane and its room.

    Parameters
    ----------
    name : {"xy", "xz", "yz"}
        Which plane.
    width, height : int
        Its size in CSS pixels.
    left, top : int
        Its corner in the whole view.
    """

    name: str
    width: int = 1
    height: int = 1
    left: int = 0
    top: int = 0

    def __post_init__(self) -> None:
        """Name the axes: across and down the screen, and through it."""
        self.across, self.down, self.through = _AXES[self.name]


class Board:
    """The planes of a movie and what is seen of them.

    Parameters
    ----------
    sizes : dict of str to int
        Voxels along z, y and x; one along z in two dimensions.
    scale : tuple of float
        Size of a voxel along z, y and x; drawn true.
    width, height : int
        Room in CSS pixels.

    Attributes
    ----------
    planes : dict of str to Plane
        One, or three.
    zoom : float
        CSS pixels per voxel along x.
    zoomed : bool
        Whether less than everything is seen.
    stretch : int
        How much thicker a flat volume is drawn than it is.
    center : dict of str to float
        Middle of what is seen, in voxels; 0 is the border of the volume.
    """

    def __init__(self, sizes: Mapping[str, int], scale: tuple[float, float, float], width: int, height: int) -> None:
        self.sizes = dict(sizes)
        ratios = [min(max(size / scale[2], 0.02), 50.0) for size in scale]
        self._unit = dict(zip("zyx", ratios, strict=True))
        self.planes = {name: Plane(name) for name in (_AXES if sizes["z"] > 1 else ("xy",))}
        self.stretch = 1
        if len(self.planes) == 1:
            self.planes["xy"] = Plane("xy", width, height)
        else:
            self._share(width - GAP, height - GAP)
        self.fit()

    def _share(self, width: int, height: int) -> None:
        """Give the planes room in proportion to the volume."""
        z, y, x = (self.sizes[axis] * self._unit[axis] for axis in "zyx")
        fitting = min(width / (x + z), height / (y + z))
        self.stretch = max(1, int(np.ceil(THIN / (z * fitting))))
        self._unit["z"] *= self.stretch
        depth = z * self.stretch * fitting
        right = round(min(max(depth, min(SIDE_WIDTH, 0.4 * width)), 0.4 * width))
        below = round(min(max(depth, min(SIDE_HEIGHT, 0.4 * height)), 0.4 * height))
        left, top = width - right, height - below
        for name, room in (("xy", (left, top)), ("xz", (left, below, 0, top + GAP)), ("yz", (right, top, left + GAP))):
            self.planes[name] = Plane(name, *room)

    # ------------------------------------------------------------------ zoom
    @property
    def _least(self) -> float:
        extent = {axis: size * self._unit[axis] for axis, size in self.sizes.items()}
        return min(min(p.width / extent[p.across], p.height / extent[p.down]) for p in self.planes.values())

    def fit(self) -> None:
        """Show everything."""
        self.zoom, self.zoomed = self._least, False
        self.center = {axis: size / 2 for axis, size in self.sizes.items()}

    def zoom_by(self, factor: float, name: str = "xy", at: tuple[float, float] | None = None) -> None:
        """Zoom around a point that stays where it is.

        Parameters
        ----------
        factor : float
            More than 1 to see less.
        name : str, optional
            The plane.
        at : tuple of float, optional
            The point in CSS pixels from the left and from the top of the plane; its middle if not given.
        """
        plane, before, least = self.planes[name], self.zoom, self._least
        zoom = min(max(before * factor, least), max(64.0, least))
        if zoom <= least * 1.001:
            self.fit()
            return
        left, top = at or (plane.width / 2, plane.height / 2)
        for axis, pixels in ((plane.across, left - plane.width / 2), (plane.down, top - plane.height / 2)):
            self.center[axis] += (pixels / before - pixels / zoom) / self._unit[axis]
        self.zoom, self.zoomed = zoom, True
        self._keep_inside()

    def look_at(self, place: Mapping[str, float]) -> None:
        """Bring a voxel to the middle, if not everything is seen anyway.

        Parameters
        ----------
        place : dict of str to float
            Axis to index.
        """
        if self.zoomed:
            self.center |= {axis: value + 0.5 for axis, value in place.items()}
            self._keep_inside()

    def is_near_border(self, place: Mapping[str, float]) -> bool:
        """Tell whether a voxel is outside, or near the border, of what is seen in some plane."""
        return any(
            abs(place[axis] + 0.5 - self.center[axis]) > 0.8 * self._half(plane, axis)
            for plane in self.planes.values()
            for axis in (plane.across, plane.down)
        )

    def pull(self, name: str, start: Mapping[str, float], dx: float, dy: float) -> None:
        """Move what is seen with the mouse.

        Parameters
        ----------
        name : str
            The plane that is pulled.
        start : dict of str to float
            `center` when the pull began.
        dx, dy : float
            Way of the mouse since then, in CSS pixels.
        """
        if self.zoomed:
            plane = self.planes[name]
            self.center[plane.across] = start[plane.across] - dx / self._pixels(plane.across)
            self.center[plane.down] = start[plane.down] - dy / self._pixels(plane.down)
            self._keep_inside()

    def _pixels(self, axis: str) -> float:
        """CSS pixels per voxel."""
        return self.zoom * self._unit[axis]

    def _half(self, plane: Plane, axis: str) -> float:
        """Half of what is seen, in voxels."""
        return (plane.width if axis == plane.across else plane.height) / self._pixels(axis) / 2

    def _keep_inside(self) -> None:
        for axis, size in self.sizes.items():
            halves = [self._half(plane, axis) for plane in self.planes.values() if axis != plane.through]
            if halves:
                half = max(halves)
                self.center[axis] = size / 2 if 2 * half >= size else min(max(self.center[axis], half), size - half)

    # ------------------------------------------------------------------ places
    def locate(self, name: str, left: float, top: float) -> dict[str, int] | None:
        """Find the voxel at a point of a plane.

        Parameters
        ----------
        name : str
            The plane.
        left, top : float
            The point in CSS pixels from the corner of the plane.

        Returns
        -------
        dict of str to int or None
            Index along both axes of the plane; None beside the volume.
        """
        plane = self.planes[name]
        place = {
            plane.across: int(np.floor(self._index(plane.across, left, plane.width))),
            plane.down: int(np.floor(self._index(plane.down, top, plane.height))),
        }
        return place if all(0 <= index < self.sizes[axis] for axis, index in place.items()) else None

    def sample(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Tell which voxel each row and each column of the picture of a plane shows.

        Parameters
        ----------
        name : str
            The plane.

        Returns
        -------
        tuple of ndarray of int
            Indices down and across, -1 beside the volume.
        """
        plane = self.planes[name]
        found = []
        for axis, n in ((plane.down, plane.height), (plane.across, plane.width)):
            index = np.floor(self._index(axis, np.arange(n) + 0.5, n)).astype(np.intp)
            found.append(np.where((index >= 0) & (index < self.sizes[axis]), index, -1))
        return found[0], found[1]

    def screen(self, name: str, places: np.ndarray) -> np.ndarray:
        """Tell where voxels are on the picture of a plane.

        Parameters
        ----------
        name : str
            The plane.
        places : ndarray of float, shape (..., 3)
            Indices along z, y and x.

        Returns
        -------
        ndarray of float, shape (..., 2)
            Rows and columns of the picture; pixel centres lie on integers.
        """
        plane = self.planes[name]
        ends = []
        for axis, n in ((plane.down, plane.height), (plane.across, plane.width)):
            index = places[..., "zyx".index(axis)]
            ends.append((index + 0.5 - self.center[axis]) * self._pixels(axis) + n / 2 - 0.5)
        return np.stack(ends, axis=-1)

    def radii(self, name: str, voxels: np.ndarray) -> np.ndarray:
        """Tell how long lengths along z, y and x in voxels are down and across the picture of a plane."""
        plane = self.planes[name]
        return np.array([voxels["zyx".index(axis)] * self._pixels(axis) for axis in (plane.down, plane.across)])

    def _index(self, axis: str, pixels: float | np.ndarray, room: int) -> float | np.ndarray:
        return self.center[axis] + (pixels - room / 2) / self._pixels(axis)


class Mouse:
    """One message of ipyevents, read.

    Parameters
    ----------
    plane : Plane
        Where it came from.
    content : dict
        The message.

    Attributes
    ----------
    left, top : float
        Where the mouse was, in CSS pixels of the picture of the plane.
    view_left, view_top : float
        Where it was in the whole view, in CSS pixels of the screen.
    button : int
        Of the event.
    held : bool
        Whether the left button is down.
    when : float
        Milliseconds of the browser.
    modifiers : frozenset of str
        Keys that were held.
    delta : float
        CSS pixels of the wheel.

    Raises
    ------
    InputError
        If the message is not one of the mouse.
    """

    def __init__(self, plane: Plane, content: Mapping[str, Any]) -> None:
        def number(name: str, default: float | None = None) -> float:
            value = content.get(name, default)
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise InputError(f"The browser sent a message that cannot be understood: {dict(content)!r:.200}.")
            return float(value)

        self.plane = plane
        width, height = max(number("boundingRectWidth"), 1.0), max(number("boundingRectHeight"), 1.0)
        left, top = (number(f"client{a}") - number(f"boundingRect{side}") for a, side in (("X", "Left"), ("Y", "Top")))
        shown = min(width / plane.width, height / plane.height)  # the picture keeps its shape in the room it has
        self.left = (left - (width - plane.width * shown) / 2) / shown
        self.top = (top - (height - plane.height * shown) / 2) / shown
        # the plane yz stands at the right of the plane xy, and all columns keep their proportion
        self.view_left = left + (GAP + width * (plane.left - GAP) / plane.width if plane.left else 0.0)
        self.view_top = top + plane.top
        self.button, self.held = int(number("button", 0)), bool(int(number("buttons", 0)) & 1)
        self.when = number("timeStamp", 0)
        self.modifiers = frozenset(name for name in _MODIFIERS if content.get(f"{name}Key"))
        lines = {1: 40, 2: 400}.get(int(number("deltaMode", 0)), 1)
        self.delta = (number("deltaY", 0) or number("deltaX", 0)) * lines
