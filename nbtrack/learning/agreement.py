"""How well the tracks of two lineages of the same objects agree: what a broken or a swapped track costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nbtrack.data.lineage import Lineage


def measure_agreement(lineage: Lineage, wanted: Lineage) -> float:
    """Measure how well tracks agree, as HOTA does for detections that need no matching.

    For each object that both track, its two tracks have a number of objects in common, out of all that one or the other
    has. The mean of that share times the share of the objects that both track, out of those that one does; of that the
    root (Luiten et al., IJCV 2021, equations 11 to 16). Of a merger the track of its colour counts.

    Parameters
    ----------
    lineage, wanted : Lineage
        Of the same objects.

    Returns
    -------
    float
        From 0 to 1.
    """
    one, two = _colours(lineage), _colours(wanted)
    both = [(track, two[place]) for place, track in one.items() if place in two]
    if not both:
        return float(not one and not two)
    pairs, shared = np.unique(np.array(both), axis=0, return_counts=True)
    lengths = [dict(zip(*np.unique(list(tracks.values()), return_counts=True), strict=True)) for tracks in (one, two)]
    either = np.array([lengths[0][a] + lengths[1][b] for a, b in pairs.tolist()]) - shared
    association = float((shared**2 / either).sum()) / len(both)
    detection = len(both) / (len(one) + len(two) - len(both))
    return float(np.sqrt(association * detection))


def _colours(lineage: Lineage) -> dict[tuple[int, int], int]:
    """Tell the track that colours each object."""
    frames = sorted({t for start, end in lineage.track_ends().values() for t in range(start, end + 1)})
    return {(t, i): tracks[0] for t in frames for i, tracks in lineage.labelled(t).items()}
