"""Axes: one letter per dimension, and the way from the order of a file to the order of nbtrack.

The letters are ``t`` (time), ``z``, ``y``, ``x`` and ``c`` (channel). A file may store them in any order; nbtrack
works with ``t, z, y, x, c``, without ``z`` and without ``c`` where they have length one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtrack.errors import InputError

CANONICAL = "tzyxc"
SPATIAL = "zyx"


def check_axes(axes: str, shape: Sequence[int], *, name: str = "axes") -> str:
    """Check that letters name the dimensions of a movie, and return them in lower case.

    Parameters
    ----------
    axes : str
        One letter of ``tzyxc`` per dimension, in the order of the data.
    shape : sequence of int
        Shape of the data, in the same order.
    name : str, optional
        What to call the letters in a message.

    Returns
    -------
    str
        The letters in lower case.

    Raises
    ------
    InputError
        If the letters do not fit the shape, repeat, are unknown, or lack ``t``, ``y`` or ``x``.

    Examples
    --------
    >>> check_axes("TYX", (9, 99, 105))
    'tyx'
    """
    if not isinstance(axes, str):
        raise InputError(f"`{name}` must be a string like 'tyx', got {axes!r}. Give one letter per dimension.")
    shape = tuple(shape)
    found = axes.lower()
    if len(found) != len(shape):
        raise InputError(
            f"`{name}` is {axes!r}, {len(found)} letters, but the data have {len(shape)} dimensions of shape {shape}. "
            "Give one letter per dimension, in the order of the data."
        )
    unknown = sorted(set(found) - set(CANONICAL))
    if unknown:
        raise InputError(
            f"`{name}` is {axes!r}, with the unknown letter {unknown[0]!r}. "
            "Use t (time), z, y, x and c (channel), one letter per dimension."
        )
    if len(set(found)) != len(found):
        raise InputError(f"`{name}` is {axes!r}, in which a letter stands twice. Use each letter at most once.")
    if "y" not in found or "x" not in found:
        raise InputError(f"`{name}` is {axes!r} for data of shape {shape}. A movie needs y and x; say which they are.")
    if "t" not in found:
        raise InputError(_no_time(found, shape, name))
    if 0 in shape:
        raise InputError(f"The data have shape {shape} along {axes!r}: a length is 0. Give at least one frame.")
    return found


def _no_time(axes: str, shape: tuple[int, ...], name: str) -> str:
    """Say that the time axis is missing, and how an axis can be read as time."""
    text = f"`{name}` is {axes!r} for data of shape {shape}, without a time axis t. "
    for letter in "zc":
        if letter in axes:
            return f"{text}If {letter} is time here, read it with axes={axes.replace(letter, 't')!r}."
    return f"{text}Give a stack of frames, or a series of files with a pattern like 'folder/*.tif'."


def require_axes(shape: Sequence[int], what: str) -> InputError:
    """Make the error for data whose axes cannot be told.

    Parameters
    ----------
    shape : sequence of int
        Shape of the data.
    what : str
        What the data are, for instance a path in backticks.

    Returns
    -------
    InputError
        The error, to be raised.
    """
    guesses = {3: "'tyx'", 4: "'tzyx' or 'tyxc'", 5: "'tzyxc'"}
    example = guesses.get(len(shape), "'tyx', 'tzyx', 'tyxc' or 'tzyxc'")
    return InputError(
        f"The axes of {what} of shape {tuple(shape)} are not known. "
        f"Give `axes=`, one letter of t, z, y, x, c per dimension, for instance axes={example}."
    )


def plain_axes(shape: Sequence[int], what: str) -> str:
    """Name the axes of an array that says nothing about them: three dimensions are a movie in 2D.

    Parameters
    ----------
    shape : sequence of int
        Shape of the array.
    what : str
        What the data are, for a message.

    Returns
    -------
    str
        Always ``"tyx"``.

    Raises
    ------
    InputError
        If the array has not exactly three dimensions.
    """
    if len(shape) != 3:
        raise require_axes(shape, what)
    return "tyx"


@dataclass(frozen=True)
class Layout:
    """The way from the stored order of the dimensions to the canonical one.

    Parameters
    ----------
    stored : str
        Letters of the dimensions as they are stored, checked by `check_axes`.
    stored_shape : tuple of int
        Shape as stored.
    """

    stored: str
    stored_shape: tuple[int, ...]

    @property
    def axes(self) -> str:
        """Canonical axes: ``t, z, y, x, c``, without ``z`` and ``c`` of length one."""
        return "".join(a for a in CANONICAL if a in self.stored and (a in "tyx" or self.length(a) > 1))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape along the canonical axes."""
        return tuple(self.length(a) for a in self.axes)

    @property
    def spatial(self) -> str:
        """Spatial axes, ``zyx`` or ``yx``."""
        return "".join(a for a in self.axes if a in SPATIAL)

    def length(self, axis: str) -> int:
        """Give the length along an axis, 1 where the data do not have it."""
        return self.stored_shape[self.stored.index(axis)] if axis in self.stored else 1

    def index(self, t: int, channel: int | None = None) -> tuple[int | slice, ...]:
        """Make the index, in stored order, that cuts out a frame.

        Parameters
        ----------
        t : int
            Frame number.
        channel : int, optional
            One channel; all of them by default.

        Returns
        -------
        tuple of int or slice
            One entry per stored dimension.
        """
        fixed = {"t": t}
        for letter in "zc":
            if letter in self.stored and letter not in self.axes:
                fixed[letter] = 0
        if "c" in self.axes and channel is not None:
            fixed["c"] = channel
        return tuple(fixed.get(a, slice(None)) for a in self.stored)

    def arrange(self, block: "np.ndarray[Any, Any]", index: tuple[int | slice, ...]) -> "np.ndarray[Any, Any]":
        """Bring what an index cut out into canonical order.

        Parameters
        ----------
        block : ndarray
            The data of `index`, in stored order.
        index : tuple of int or slice
            What `index` gave.

        Returns
        -------
        ndarray, shape ([z,] y, x[, c])
            The same data in canonical order.
        """
        letters = [a for a, i in zip(self.stored, index, strict=True) if isinstance(i, slice)]
        return np.transpose(block, sorted(range(len(letters)), key=lambda i: CANONICAL.index(letters[i])))
