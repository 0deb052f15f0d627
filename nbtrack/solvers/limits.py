"""What a solver may do: the limits of the columns, the gap to reach, the threads to use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Limits:
    """What the columns may be, and how far to go.

    Parameters
    ----------
    lower, upper : ndarray of float, shape (columns,)
        0 and 1, but for what is pinned.
    gap : float
        Relative gap at which the answer is good enough.
    threads : int or None
        Threads of HiGHS; after the ascent, of the batches of the core, which are solved side by side.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    gap: float
    threads: int | None
