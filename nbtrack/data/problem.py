"""A conservation-tracking problem: the law's settings and an energy for every state of every variable.

The energies come from a hypothesis graph and parameters, or from a model file; the model turns them into rows and
columns and does not care which. Counts are states: column ``k`` of an energy array is the energy of ``k`` objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


def _no_pairs() -> np.ndarray:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Energies of all states, aligned with detections and links.

    Entries beyond a capacity are not read. A capacity of 0 means that the variable can only be 0; the energy of that
    state counts all the same.

    Parameters
    ----------
    detection : ndarray of float, shape (n, m + 1)
        Energy of ``k`` objects in a detection.
    capacity : ndarray of int, shape (n,)
        Largest count of each detection.
    source, target : ndarray of int, shape (a,)
        Detections at the ends of each link.
    link : ndarray of float, shape (a, m + 1)
        Energy of ``k`` objects that move along a link.
    link_capacity : ndarray of int, shape (a,)
        Largest number of objects on each link.
    appearance, disappearance : ndarray of float, shape (n, m + 1)
        Energy of ``k`` objects that appear (disappear) in a detection.
    appearance_capacity, disappearance_capacity : ndarray of int, shape (n,)
        Largest number of objects that may appear (disappear).
    division : ndarray of float, shape (n, 2)
        Energy of not dividing and of dividing.
    divides : ndarray of bool, shape (n,)
        Whether the detection has a division variable.
    division_link : ndarray of float, shape (a,), or None
        If given, the energy of a link that leads from a dividing parent to a child, instead of ``link[:, 1]``.
    narrow_links : ndarray of int, shape (pairs, 2)
        With `division_link`: pairs of links that may not both lead to children of one division.
    external_parent : ndarray of int, shape (e,)
        Parents of division hypotheses that name their two children.
    external_children : ndarray of int, shape (e, 2)
        Their children.
    external : ndarray of float, shape (e, 2)
        Energy of not using and of using each of them.
    merge_target : ndarray of int, shape (g,)
        Targets of merge hypotheses, which name the two objects that become one.
    merge_sources : ndarray of int, shape (g, 2)
        Those two objects.
    merge : ndarray of float, shape (g, 2)
        Energy of not using and of using each of them.
    exclusions : tuple of ndarray of int
        Sets of detections of which at most one may be used.
    partial_appearance : bool
        Whether some objects of a merger may appear or disappear while others go on.
    one_frame_tracks : bool
        Whether an object may appear and disappear in one detection.
    separate_children : bool
        Whether a division needs two different children.
    names : tuple or None
        Name of each detection: an id of a model file, or ``(t, object_id)``.
    """

    detection: np.ndarray
    capacity: np.ndarray
    source: np.ndarray
    target: np.ndarray
    link: np.ndarray
    link_capacity: np.ndarray
    appearance: np.ndarray
    appearance_capacity: np.ndarray
    disappearance: np.ndarray
    disappearance_capacity: np.ndarray
    division: np.ndarray
    divides: np.ndarray
    division_link: np.ndarray | None = None
    narrow_links: np.ndarray = field(default_factory=_no_pairs)
    external_parent: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    external_children: np.ndarray = field(default_factory=_no_pairs)
    external: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    merge_target: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    merge_sources: np.ndarray = field(default_factory=_no_pairs)
    merge: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    exclusions: tuple[np.ndarray, ...] = ()
    partial_appearance: bool = False
    one_frame_tracks: bool = True
    separate_children: bool = True
    names: tuple[object, ...] | None = None

    @property
    def n_detections(self) -> int:
        """Number of detections."""
        return len(self.capacity)

    @property
    def n_links(self) -> int:
        """Number of candidate links."""
        return len(self.source)

    @property
    def n_external(self) -> int:
        """Number of division hypotheses that name their children."""
        return len(self.external_parent)

    @property
    def n_merges(self) -> int:
        """Number of merge hypotheses."""
        return len(self.merge_target)

    def name_of(self, detection: int) -> object:
        """Tell the name of a detection."""
        return detection if self.names is None else self.names[detection]


@dataclass(frozen=True, kw_only=True)
class Solution:
    """A state for every variable of a `Problem`.

    Parameters
    ----------
    count : ndarray of int, shape (n,)
        Objects in each detection.
    flow : ndarray of int, shape (a,)
        Objects on each link.
    appears, vanishes : ndarray of int, shape (n,)
        Objects that appear and disappear in each detection.
    divides : ndarray of bool, shape (n,)
        Detections that divide.
    external : ndarray of bool, shape (e,)
        Division hypotheses in use.
    merges : ndarray of bool, shape (g,)
        Merge hypotheses in use.
    """

    count: np.ndarray
    flow: np.ndarray
    appears: np.ndarray
    vanishes: np.ndarray
    divides: np.ndarray
    external: np.ndarray
    merges: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
