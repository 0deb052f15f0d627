"""The table of differences: what a list shows, a click jumps to, and an image draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbtrack.data.columns import DIFFERENCES, make_table, position_columns
from nbtrack.io.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TARGETS = (("", "t", "object_id"), ("target_", "target_t", "target_id"), ("second_", "target_t", "second_id"))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rows that tell two answers apart, or an answer from the truth.

    Parameters
    ----------
    table : DataFrame
        One row per difference, sorted by frame, with the columns of `nbtrack.data.columns.DIFFERENCES`: kind, side
        ("a" or "b": who has it), t, object_id, other_id (the same object on the other side), target_t, target_id,
        other_target_id (where a link or a division leads), second_id (the second daughter) and detail, a sentence. Ids
        are 0 and frames -1 where there is none. Where centres are known they follow: of the object (``y``, ``x``), of
        its target (``target_y``, ...) and of the second daughter (``second_y``, ...), NaN where there is none.
    names : tuple of str
        What the sides "a" and "b" are called.
    kinds : mapping of str to str
        The kinds that were looked for, in words.
    """

    table: pd.DataFrame
    names: tuple[str, str]
    kinds: Mapping[str, str]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.table)

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return not len(self.table)

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows of each kind, zeros included."""
        found = self.table["kind"].value_counts()
        return {kind: int(found.get(kind, 0)) for kind in self.kinds}

    @property
    def frames(self) -> list[int]:
        """Frames with differences, ascending."""
        return [int(t) for t in np.unique(self.table["t"].to_numpy())]

    def at(self, t: int) -> pd.DataFrame:
        """Choose what to draw in a frame: what is there, and links that lead there or pass over it.

        Parameters
        ----------
        t : int
            Frame number.

        Returns
        -------
        DataFrame
            Rows of the table, with their index.
        """
        first = self.table["t"].to_numpy()
        last = np.maximum(first, self.table["target_t"].to_numpy())
        chosen: pd.DataFrame = self.table[(first <= t) & (t <= last)]
        return chosen

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the table as CSV; the sides have their names.

        Parameters
        ----------
        path : str or Path
            The file.
        overwrite : bool, optional
            Replace a file that is there.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If the file is there already or cannot be written.
        """
        named = self.table.assign(side=self.table["side"].map(dict(zip("ab", self.names, strict=True))))
        with atomic_path(path, overwrite) as temporary:
            named.to_csv(temporary, index=False, lineterminator="\n")
        return Path(path)

    def __repr__(self) -> str:
        found = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in self.counts.items() if n) or "no difference"
        return f"<Comparison of {self.names[0]} and {self.names[1]}: {found}>"


def make_differences(
    parts: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, str],
    centers: Sequence[pd.DataFrame | None] = (None, None),
    ndim: int = 0,
) -> pd.DataFrame:
    """Put rows of several kinds into one table, sorted by frame, with the centres to draw them at.

    Parameters
    ----------
    parts : sequence of mapping
        Columns of `nbtrack.data.columns.DIFFERENCES` as arrays, or one value for all rows; `side` is 0 or 1.
    kinds : mapping
        The kinds in the order in which they stand within a frame.
    centers : sequence of two DataFrame, optional
        For each side t, object_id and the columns of the centre, sorted by the first two.
    ndim : int, optional
        Spatial dimensions; 0 if no centres are known.

    Returns
    -------
    DataFrame
        As in `Comparison`.
    """
    blank: dict[str, Any] = {name: 0 if dtype == "int64" else "" for name, dtype in DIFFERENCES.items()}
    blank["target_t"] = -1
    whole = [
        pd.DataFrame({name: part.get(name, value) for name, value in blank.items()}, index=range(len(part["t"])))
        for part in parts
        if len(part["t"])
    ]
    if not whole:
        table, side = make_table(DIFFERENCES), np.zeros(0, np.int64)
    else:
        table = pd.concat(whole, ignore_index=True)
        rank = table["kind"].map({kind: i for i, kind in enumerate(kinds)})
        keys = [table[name] for name in ("other_id", "second_id", "target_id", "target_t", "side", "object_id")]
        table = table.iloc[np.lexsort((*keys, rank, table["t"]))].reset_index(drop=True)
        side = table["side"].to_numpy(np.int64)
        table["side"] = np.where(side == 0, "a", "b")
        table = table.astype(DIFFERENCES)
    for prefix, t, object_id in _TARGETS if ndim else ():
        wanted = encode(table[t].to_numpy(), table[object_id].to_numpy())
        found = _look_up(centers, side, wanted, position_columns(ndim))
        for axis, values in zip(position_columns(ndim), found.T, strict=True):
            table[prefix + axis] = values
    return table


def encode(t: np.ndarray, object_id: np.ndarray) -> np.ndarray:
    """Make one number of frame and object id.

    Parameters
    ----------
    t, object_id : ndarray of int
        Objects; ids are below 2**32.

    Returns
    -------
    ndarray of int64
        In the order of frames, then ids.

    Examples
    --------
    >>> decode(encode(np.array([3]), np.array([7])))
    (array([3]), array([7]))
    """
    code: np.ndarray = (np.asarray(t, np.int64) << 32) | np.asarray(object_id, np.int64)
    return code


def decode(code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take frame and object id out of what `encode` made.

    Parameters
    ----------
    code : ndarray of int64
        The numbers.

    Returns
    -------
    tuple of (ndarray, ndarray)
        Frames and ids.
    """
    return code >> 32, code & 0xFFFFFFFF


def _look_up(
    centers: Sequence[pd.DataFrame | None], side: np.ndarray, wanted: np.ndarray, columns: list[str]
) -> np.ndarray:
    """Give the centre of each object of its side, shape (n, ndim), NaN where it is not known."""
    found = np.full((len(wanted), len(columns)), np.nan)
    for i, known in enumerate(centers):
        if known is None or not len(known):
            continue
        codes = encode(known["t"].to_numpy(), known["object_id"].to_numpy())
        place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        here = (side == i) & (codes[place] == wanted)
        found[here] = known[columns].to_numpy(float)[place[here]]
    return found
