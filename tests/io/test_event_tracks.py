"""Tracks read off events have those events."""

import random
from types import SimpleNamespace

import pytest
from cases import divisions_of, tracks_of

from nbtrack.data.events import derive_events
from nbtrack.data.lineage import Lineage
from nbtrack.io.event_tracks import lineage_of_events

N_FRAMES = 8
TABLES = ("moves", "splits", "appearances", "disappearances", "mergers", "multi_frame_moves")


def events_of(lineage):
    """Derive events as a file holds them: without track ids."""
    events = derive_events(lineage, N_FRAMES)
    tables = {name: getattr(events, name) for name in TABLES}
    tables = {
        name: table.drop(columns=["track_id", "track_ids"], errors="ignore").drop_duplicates()
        for name, table in tables.items()
    }
    return SimpleNamespace(labels=range(N_FRAMES), **tables)


def rows_of(events):
    """List all events, whatever the order of rows and children."""
    rows = {name: {tuple(row) for row in getattr(events, name).to_numpy().tolist()} for name in TABLES}
    rows["splits"] = {(t, parent, *sorted(children)) for t, parent, *children in rows["splits"]}
    return rows


def random_lineage(seed, *, gaps, shared):
    """Let six tracks go at random over six objects a frame, and divide where that fits."""
    chance, lineage = random.Random(seed), Lineage()
    for track in range(1, 7):
        first = chance.randrange(N_FRAMES)
        last = chance.randrange(first, N_FRAMES)
        for t in range(first, last + 1):
            if first < t < last and chance.random() < gaps:
                continue
            used = sorted(lineage.labelled(t))
            free = [i for i in range(1, 7) if i not in used]
            lineage.assign(t, chance.choice(used if used and (not free or chance.random() < shared) else free), track)
    for parent in lineage.track_ids:
        end = max(lineage.objects_of(parent))
        born = [k for k in lineage.track_ids if min(lineage.objects_of(k)) == end + 1 and not lineage.parent_of(k)]
        if len(born) > 1 and chance.random() < 0.5:
            lineage.divide(end, parent, *born[:2])
    return lineage


@pytest.mark.parametrize("gaps", [0, 0.3])
def test_tracks_without_mergers_come_back_exactly(gaps):
    for seed in range(20):
        lineage = random_lineage(seed, gaps=gaps, shared=0)
        found = lineage_of_events(events_of(lineage))
        assert tracks_of(found) == tracks_of(lineage)
        assert divisions_of(found) == divisions_of(lineage)


def test_tracks_through_mergers_keep_the_number_in_each_object():
    for seed in range(30):
        lineage = random_lineage(seed, gaps=0, shared=0.2)
        found = lineage_of_events(events_of(lineage))
        found.check()
        before, after = rows_of(events_of(lineage)), rows_of(events_of(found))
        assert {name: after[name] for name in TABLES[:5]} == {name: before[name] for name in TABLES[:5]}


def path(track, *objects, first=0):
    return [(t, i, track) for t, i in enumerate(objects, first) if i]


@pytest.mark.parametrize(
    "rows",
    [
        [*path(1, 1, 1, 1), *path(2, 2, 1, 2)],  # touch and part
        [*path(1, 1, 1, 1), *path(2, 2, 1)],  # one ends in the merger
        [*path(1, 1, 1, 1), *path(2, 1, 2, first=1)],  # one begins in the merger
        [*path(1, 1, 3, 3, 4, 1), *path(2, 2, 3, 3, 4, 5), *path(3, 6, 3, 3, 7)],  # three, of which one leaves early
        [*path(1, 1, 1, 0, 1), *path(2, 2, 1, 2)],  # a gap follows the merger
        [*path(1, 1, 0, 1, 1), *path(2, 2, 2, 1, 2)],  # a gap comes before it
        [*path(1, 1, 1, 2), *path(2, 1, 1, 3)],  # a merger in the first frame
        path(1, 1),
        path(1, 1, first=7),
    ],
)
def test_known_ways(rows):
    lineage = Lineage.from_tables(rows)
    assert tracks_of(lineage_of_events(events_of(lineage))) == tracks_of(lineage)


def test_mother_in_a_merger_divides():
    rows = [*path(1, 1, 1), *path(2, 2, 1, 4), *path(3, 2, first=2), *path(4, 3, first=2)]
    found = lineage_of_events(events_of(Lineage.from_tables(rows, [(1, 1, 3, 4)])))
    assert divisions_of(found) == {(1, 1, 2, 3)}
    assert ((0, 2), (1, 1), (2, 4)) in tracks_of(found)


def test_events_that_name_no_origin_make_tracks_anyway():
    """Other writers leave out appearances."""
    events = events_of(Lineage.from_tables([*path(1, 1, 1), *path(2, 2, 2, first=1)]))
    events.appearances = events.appearances[:0]
    assert tracks_of(lineage_of_events(events)) == {((0, 1), (1, 1)), ((1, 2), (2, 2))}
