"""What is true of the objects that were found: an annotator who knows the answer, for benchmarks and the browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbtrack.data.relations import relations_of
from nbtrack.evaluation import find_links, match_objects
from nbtrack.review.fates import FALSE

if TYPE_CHECKING:
    from collections.abc import Iterable

    import nbtrack as nbt
    from nbtrack.data.lineage import Lineage
    from nbtrack.data.pins import Pin
    from nbtrack.review.fates import Fate, Object

GAP = 3
"""An object that was lost may be found again so many frames later."""


@dataclass(frozen=True)
class BenchMovie:
    """Objects and their truth."""

    name: str
    detections: nbt.Detections
    truth: Lineage
    truth_labels: Any


class Oracle:
    """Knows what becomes of every object that was found."""

    def __init__(self, movie: BenchMovie) -> None:
        matches = match_objects(movie.detections.labels, movie.truth_labels)
        found = {(t, wanted): (t, got) for t, frame in enumerate(matches) for wanted, got in frame.pairs.items()}
        holds: dict[Object, list[Object]] = {}
        for wanted, got in found.items():
            holds.setdefault(got, []).append(wanted)
        after: dict[Object, list[Object]] = {}
        for one, two in find_links(movie.truth):
            after.setdefault(one, []).append(two)
        self.fates: dict[Object, Fate] = {}
        table = movie.detections.table
        for t, i in zip(table["t"].tolist(), table["object_id"].tolist(), strict=True):
            targets: set[Object] = set()
            for wanted in holds.get((t, i), ()):
                front = [wanted]
                for _ in range(GAP):
                    following = [two for one in front for two in after.get(one, ())]
                    targets |= {found[two] for two in following if two in found and two[0] - t <= GAP}
                    front = [two for two in following if two not in found]
            self.fates[t, i] = tuple(sorted(targets))[:2] if (t, i) in holds else FALSE
        self.links = {(o, target) for o, fate in self.fates.items() if fate != FALSE for target in fate}

    def joins(self, lineage: Lineage, place: Object) -> bool:
        """Tell whether what goes now to where an object goes belongs there as well: they merge."""
        right = self.fates[place]
        if right == FALSE or len(right) != 1:
            return False
        into = [link for link in relations_of(lineage, right).links if link[1] == right[0] and link[0] != place]
        return bool(into) and all(link in self.links for link in into)

    def agrees(self, pins: Iterable[Pin]) -> bool:
        """Tell whether all links are there that pins hold."""
        return all(pin.objects in self.links for pin in pins)

    def errors(self, lineage: Lineage) -> int:
        """Count false and missing links."""
        return len(find_links(lineage) ^ self.links)
