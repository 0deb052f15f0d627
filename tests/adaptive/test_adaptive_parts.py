"""The parts of the adaptive energies: features without units, drift, pairs, self-training, history."""

import numpy as np
import pytest

from nbtrack.adaptive.candidates import Candidates, find_candidates, pairs_of
from nbtrack.adaptive.drift import DriftFinder, moved
from nbtrack.adaptive.features import link_features, mahalanobis, pair_features
from nbtrack.adaptive.objects import Objects, Overlaps
from nbtrack.adaptive.training import fit_weights, train_links
from nbtrack.params import TrackingParams

PARAMS = TrackingParams(preset="adaptive")


def disks_at(frames: list[int], places: list[tuple[float, float]], radius: list[float]) -> Objects:
    """Objects that are disks; nothing overlaps."""
    r = np.array(radius)
    nothing = Overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    times = np.unique(frames)
    return Objects(
        frame=np.searchsorted(times, frames),
        times=times,
        position=np.array(places),
        size=np.pi * r**2,
        radius=r,
        shape=(r**2 / 4)[:, None, None] * np.eye(2),
        border=np.full(len(r), 10.0),
        drift=np.zeros((len(times), 2)),
        overlaps=dict.fromkeys(range(1, 4), nothing),
        has_labels=True,
        usual_radius=float(np.median(r)),
    )


def link(i: int, j: int, overlap: float = 0.0) -> Candidates:
    return Candidates(np.array([i]), np.array([j]), np.array([1]), np.array([overlap]))


def test_features_of_a_link_between_disks() -> None:
    objects = disks_at([0, 1], [(0, 0), (0, 8)], [4, 4])
    distance, own, overlap, size, shape = link_features(objects, link(0, 1), None)[0]
    assert (distance, own, overlap, size, shape) == pytest.approx((2, 2, 1, 0, 0))
    moving = link_features(objects, link(0, 1), np.array([[0.0, 8], [0, 0]]))[0]
    assert moving[:2] == pytest.approx(0)
    half = link_features(objects, link(0, 1, np.pi * 16), None)[0]
    assert half[2] == pytest.approx(0)


def test_features_do_not_depend_on_the_unit() -> None:
    small = disks_at([0, 1], [(0, 0), (3, 8)], [4, 5])
    large = disks_at([0, 1], [(0, 0), (30, 80)], [40, 50])
    assert link_features(small, link(0, 1), None) == pytest.approx(link_features(large, link(0, 1), None))


def test_a_longer_gap_allows_for_a_longer_way() -> None:
    near, far = (disks_at([0, t], [(0, 0), (0, 8)], [4, 4]) for t in (1, 4))
    assert link_features(far, link(0, 1), None)[0, 0] == pytest.approx(link_features(near, link(0, 1), None)[0, 0] / 2)


def test_a_rod_may_slide_along_itself() -> None:
    shape = np.diag([1.0, 100.0])[None]
    along, across = (mahalanobis(np.array([way]), shape)[0] for way in ((0.0, 10.0), (10.0, 0.0)))
    assert (along, across) == (1, 10)
    assert len(mahalanobis(np.zeros((0, 2)), np.zeros((0, 2, 2)))) == 0


def test_features_of_a_division() -> None:
    objects = disks_at([0, 1, 1], [(0, 0), (0, -4), (0, 4)], [4 * 2**0.5, 4, 4])
    position, size, unlike, space, overlap = pair_features(objects, np.array([0]), np.array([[1, 2]]), np.zeros(1))[0]
    assert (position, size, unlike, space, overlap) == pytest.approx((0, 0, 0, 0, 1))
    apart = disks_at([0, 1, 1], [(0, 0), (0, -12), (0, 12)], [4 * 2**0.5, 4, 2])
    _, _, unlike, space, _ = pair_features(apart, np.array([0]), np.array([[1, 2]]), np.zeros(1))[0]
    assert unlike == pytest.approx(np.log(4) ** 2)
    assert space > 1


def test_a_merge_is_a_division_backwards() -> None:
    forwards = disks_at([0, 1, 1], [(0, 1), (0, -4), (0, 5)], [6, 4, 3])
    backwards = disks_at([1, 0, 0], [(0, 1), (0, -4), (0, 5)], [6, 4, 3])
    one, other = (pair_features(o, np.array([0]), np.array([[1, 2]]), np.ones(1)) for o in (forwards, backwards))
    assert one == pytest.approx(other)


def test_candidates_are_near_or_overlap_or_are_wanted() -> None:
    objects = disks_at([0, 0, 1, 2], [(0, 0), (0, 90), (0, 10), (0, 95)], [4, 4, 4, 4])
    nobody = np.zeros((0, 2), np.int64)
    found = find_candidates(objects, PARAMS, None, nobody)
    assert list(zip(found.source, found.target, found.step, strict=True)) == [(0, 2, 1), (1, 3, 2)]
    objects.overlaps[1] = Overlaps(np.array([1]), np.array([2]), np.array([5.0]))
    found = find_candidates(objects, PARAMS, None, np.array([[0, 3]]))
    assert list(zip(found.source, found.target, found.overlap, strict=True)) == [
        (0, 2, 0.0),
        (0, 3, 0.0),
        (1, 2, 5.0),
        (1, 3, 0.0),
    ]


def test_pairs_are_those_of_the_cheapest_of_each_group() -> None:
    first, second = pairs_of(np.array([0, 0, 0, 1, 2, 2]), np.array([3.0, 1, 2, 0, 5, 4]), 3)
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == [(1, 0), (1, 2), (2, 0), (5, 4)]
    assert [len(part) for part in pairs_of(np.zeros(0, int), np.zeros(0), 3)] == [0, 0]


# --------------------------------------------------------------------------- drift
def picture(*, shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    y, x = np.indices((120, 160))
    labels = np.zeros((120, 160), np.uint32)
    for k, (cy, cx) in enumerate([(30, 30), (35, 80), (60, 55), (80, 110), (90, 40)], start=1):
        labels[(y - cy - shift[0]) ** 2 + (x - cx - shift[1]) ** 2 <= 64] = k
    return labels


def shifts(*frames: np.ndarray, **params: float) -> list[list[float]]:
    finder = DriftFinder(np.array([8.0, 8.0]), (120, 160), TrackingParams(preset="adaptive", **params))  # type: ignore[arg-type]
    return [finder.next_shift(frame, len(np.unique(frame)) - 1).tolist() for frame in frames]


def test_a_jump_is_found_and_an_empty_frame_is_none() -> None:
    found = shifts(picture(), picture(), picture(shift=(12, -14)), np.zeros_like(picture()), picture())
    assert found == [[0, 0], [0, 0], [12, -14], [0, 0], [0, 0]]
    assert shifts(picture(), picture(shift=(12, -14)), drift=1.0) == [[0, 0], [0, 0]]


def test_objects_that_move_on_their_own_are_no_jump() -> None:
    one = np.where(picture() == 1, 1, 0).astype(np.uint32)
    both = one | np.roll(one, 14, axis=1) * 2
    assert shifts(np.roll(one, 7, axis=1), both) == [[0, 0], [0, 0]]


@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (-130, 5)])
def test_a_moved_frame_loses_what_leaves(shift: tuple[int, int]) -> None:
    labels = picture()
    back = moved(moved(labels, np.array(shift)), -np.array(shift))
    assert set(np.unique(back)) <= set(np.unique(labels))
    assert (back[back > 0] == labels[back > 0]).all()


# --------------------------------------------------------------------------- self-training
def test_weights_follow_what_tells_right_from_wrong() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(600) < 0.5
    features = np.column_stack([np.where(right, 0.2, 2.0) + rng.normal(0, 0.1, 600), rng.random(600)])
    given = np.array([1.0, 1.0, 2.0])
    loose = fit_weights(features, right, given, 0.1)
    firm = fit_weights(features, right, given, 1e6)
    assert loose[0] > 2
    assert loose[1] < loose[0]
    assert firm == pytest.approx(given, abs=1e-3)
    assert (loose[:-1] > 0).all()


def test_too_few_sure_links_teach_nothing() -> None:
    given = np.array([1.0, 5.0])
    few = np.arange(3)
    assert train_links(few, few, np.zeros((3, 1)), given, 30.0) is given
    n = 100
    source = np.repeat(np.arange(n), 2)
    target = (source + np.tile([0, 1], n)) % n
    features = np.tile([0.1, 6.0], n)[:, None]
    learned = train_links(source, target, features, given, 1.0)
    assert learned is not given
    score = learned[-1] - features[:, 0] * learned[0]
    assert (score[::2] > 0).all()
    assert (score[1::2] < 0).all()
