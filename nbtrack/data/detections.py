"""The objects of a movie: label frames and one table row per object."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from nbtrack.data.columns import check_table, detection_columns, position_columns
from nbtrack.errors import InputError


class Frames(Protocol):
    """A sequence of frames: a `Movie`, a list of arrays, an array with time first."""

    def __len__(self) -> int:
        """Count the frames."""

    def __getitem__(self, t: int, /) -> Any:
        """Give frame `t` as an array."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Objects found in the frames of a movie.

    Parameters
    ----------
    labels : Movie or sequence of ndarray
        ``labels[t]`` is the label frame, uint32 of shape `frame_shape`, 0 is background.
    table : DataFrame
        One row per object, RangeIndex, sorted by ``(t, object_id)``, columns as in
        `nbtrack.data.columns.detection_columns`, then features. Centres and bounding boxes in pixels, pixel centres on
        integers, bounding boxes half open.
    frame_shape : tuple of int
        ``([z,] y, x)``.
    scale : tuple of float, optional
        Size of a pixel along each axis; 1 if not given.
    params : dict, optional
        Where the objects come from: the parameters that made them.

    Raises
    ------
    InputError
        If the table does not follow these rules or names frames that are not there.
    """

    labels: Frames
    table: pd.DataFrame
    frame_shape: tuple[int, ...]
    scale: tuple[float, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in the scale and check the table."""
        if not self.scale:
            object.__setattr__(self, "scale", (1.0,) * self.ndim)
        if len(self.scale) != self.ndim:
            raise InputError(f"`scale` must have {self.ndim} numbers, one per axis of a frame: got {self.scale}.")
        check_table(self.table, detection_columns(self.ndim), "table")
        t, object_id = self.table["t"].to_numpy(), self.table["object_id"].to_numpy()
        if len(t) and (t.min() < 0 or t.max() >= self.n_frames):
            raise InputError(
                f"`table` has objects in frames {t.min()} to {t.max()}, but there are {self.n_frames} label frames. "
                "Check that labels and table belong together."
            )
        if len(t) and object_id.min() < 1:
            raise InputError(f"`table` has the object id {object_id.min()}. Ids start at 1, 0 is the background.")
        step, id_step = np.diff(t), np.diff(object_id)
        if ((step < 0) | ((step == 0) & (id_step <= 0))).any():
            raise InputError("`table` must be sorted by t, then object_id, each object once. Sort it, drop duplicates.")

    def __len__(self) -> int:
        """Count the objects of all frames."""
        return len(self.table)

    def __repr__(self) -> str:
        """Say how many objects in how many frames of which shape."""
        shape = " x ".join(map(str, self.frame_shape))
        return f"Detections({len(self)} objects in {self.n_frames} frames of {shape} pixels)"

    @property
    def n_frames(self) -> int:
        """Number of frames, with those that are empty."""
        return len(self.labels)

    @property
    def ndim(self) -> int:
        """Number of spatial dimensions, 2 or 3."""
        return len(self.frame_shape)

    @property
    def columns_position(self) -> list[str]:
        """Columns of the centre, in the order of the axes."""
        return position_columns(self.ndim)

    def rows_of(self, t: int) -> slice:
        """Find the rows of one frame.

        Parameters
        ----------
        t : int
            Frame number.

        Returns
        -------
        slice
            For ``table.iloc[...]`` or for arrays aligned with the table.
        """
        first, last = np.searchsorted(self.table["t"].to_numpy(), [t, t + 1])
        return slice(int(first), int(last))
