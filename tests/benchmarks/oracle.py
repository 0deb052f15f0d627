"""How much a person gains: a simulated annotator who answers from the truth, by order of the questions and by editing.

Run it with ``python tests/benchmarks/oracle.py DATA``, where DATA holds a folder per movie with ``GT/TRA`` and a label
movie; noisy simulated movies are made on the way. The automatic result is reviewed in three orders: in order of time,
at random, and as the review queue says; and in two ways: by editing alone, and by pins with the rest solved again.
One action is one look at an object: either it is accepted, or the annotator says what becomes of it. Counted are the
link errors (false and missing ones) that are left, against the actions. ``--picture FILE`` draws the curves. A movie
may be named with the preset that is reviewed, as in ``ecoli_colony_early:conservation``. Figures and picture are
written after each review, so that a run can be stopped.

The truth is told in terms of the objects that were found: an object without a counterpart is false, and one that the
segmentation lost for up to two frames goes on behind the gap.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import nbtrack as nbt
from nbtrack.errors import EditError
from nbtrack.io.ctc import read_ctc
from nbtrack.review.calibration import calibration_error
from nbtrack.review.fates import FALSE, fate_of
from nbtrack.review.queue import Event, ReviewQueue

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth_oracle import BenchMovie, Oracle

if TYPE_CHECKING:
    from nbtrack.editing.history import Change
    from nbtrack.review.fates import Fate

REFRESH = 25
"""The movie is drawn again after so many decisions, as it would be in the background."""
ORDERS = ("time", "random", "queue")
WAYS = ("edit", "resolve")


def load(data: Path, name: str) -> BenchMovie:
    """Read a movie of the folder, or simulate one: ``sim-NOISE-SEED``."""
    if name.startswith("sim-"):
        _, noise, seed = name.split("-")
        made = nbt.sample("nuclei", size=(380, 480), n_frames=30, n_cells=70, noise=float(noise), seed=int(seed))
        return BenchMovie(name, nbt.segment(made.prediction, channel=1), made.truth, made.labels)
    folder = data / name
    truth_labels, truth = read_ctc(folder / "GT" / "TRA")
    file = next(folder / f for f in ("segmentation_labels.h5", "raw_Simple_Segmentation.h5") if (folder / f).exists())
    if file.name.startswith("raw"):
        return BenchMovie(name, nbt.segment(nbt.read(folder / "raw_Probabilities.h5"), channel=1), truth, truth_labels)
    return BenchMovie(name, nbt.detect(nbt.read(file)), truth, truth_labels)


def edit(session: nbt.Session, t: int, object_id: int, fate: Fate) -> Change | None:
    """Do by hand what an editor without a solver can do."""
    try:
        if fate == FALSE:
            return session.mark_false(t, object_id, force=True)
        if not session.lineage.tracks_at(t, object_id):
            session.assign(t, object_id, session.new_track(), force=True)
        if not fate:
            return session.end_track(t, object_id, force=True)
        if len(fate) == 2 and fate[0][0] == fate[1][0] == t + 1:
            track = session.lineage.tracks_at(t, object_id)[0]
            return session.divide_objects(t, object_id, [i for _, i in fate], track_id=track, force=True)
        track = session.lineage.tracks_at(t, object_id)[0]
        if session.lineage.children_of(track) and max(session.lineage.objects_of(track)) == t:
            session.undivide(track)
        following = session.lineage.tracks_at(*fate[0])
        return session.link((t, object_id), fate[0], track_id=track, next_track=(following or (None,))[0], force=True)
    except EditError:
        return None


def refresh(queue: ReviewQueue) -> None:
    """Draw again; what was edited without the solver can contradict itself, then the old draws stay."""
    with contextlib.suppress(nbt.SolveError):
        queue.refresh()


def plain_event(t: int, object_id: int, fate: Fate) -> Event:
    """Ask about an object without knowing how sure its fate is: that takes no draws."""
    return Event(t=t, object_id=object_id, fate=fate, confidence=1.0, impact=0.0, alternatives=(), alerts=())


def review(
    movie: BenchMovie, oracle: Oracle, result: nbt.TrackingResult, order: str, way: str, n_actions: int, seed: int = 0
) -> dict[str, Any]:
    """Review a result for so many actions; tell the errors left after each."""
    session = nbt.Session(None, movie.detections, result)
    queue = ReviewQueue(session, seed=seed)
    objects = [o for o in oracle.fates if o[0] < movie.detections.n_frames - 1]
    if order == "random":
        np.random.default_rng(seed).shuffle(objects)  # type: ignore[arg-type]
    left = [oracle.errors(session.lineage)]
    accepted, refused, seconds, after = 0, 0, [], None
    shown: list[tuple[float, bool]] = []
    waiting = iter([tuple(o) for o in objects])
    for action in range(n_actions):
        if order == "queue":
            if action and action % REFRESH == 0:
                refresh(queue)
            event = queue.next(after)
            if event is None:
                break
            t, i = event.t, event.object_id
            right = oracle.fates[t, i]
            shown.append((event.confidence, event.fate == right))
        else:
            place = next(waiting, None)
            if place is None:
                break
            t, i = place
            right, event = oracle.fates[t, i], None
        now = fate_of(session.lineage, t, i)
        start = time.perf_counter()
        try:
            if way == "edit":
                if now != right:
                    edit(session, t, i, right)
                if event is not None:
                    queue.skip(event)
            else:
                event = event or plain_event(t, i, now)
                hidden = queue.hidden_at(t, i)
                more = hidden.more if hidden is not None and oracle.agrees(hidden.more) else ()
                queue.decide(event, right, joins=oracle.joins(session.lineage, (t, i)), more=more)
            accepted += now == right
        except EditError as error:
            if "held already" not in str(error):
                refused += 1
            queue.skip(event or plain_event(t, i, now))
        seconds.append(time.perf_counter() - start)
        after = (t, i)
        left.append(oracle.errors(session.lineage))
    out: dict[str, Any] = {
        "left": left, "accepted": accepted, "refused": refused, "seconds": float(np.median(seconds or [0])),
    }  # fmt: skip
    if order == "queue":
        refresh(queue)
        table = queue.table()
        open_ = table[~table["decided"]]
        right = [
            fate_of(session.lineage, t, i) == oracle.fates[t, i]
            for t, i in zip(open_["t"].tolist(), open_["object_id"].tolist(), strict=True)
        ]
        out["ece"] = calibration_error(open_["confidence"].to_numpy(), np.array(right))
        if shown:
            out["ece_shown"] = calibration_error(*map(np.array, zip(*shown, strict=True)))
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--movies", nargs="+", default=["ecoli_colony_early", "sim-3-1", "sim-3-2"])
    parser.add_argument("--preset", default="adaptive")
    parser.add_argument("--orders", nargs="+", default=list(ORDERS))
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--actions", type=int, default=100)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    curves: dict[str, dict[str, Any]] = {}
    for name in args.movies:
        place, _, preset = name.partition(":")
        movie = load(args.data, place)
        oracle = Oracle(movie)
        result = nbt.track(movie.detections, nbt.TrackingParams(preset=preset or args.preset))
        print(f"{name}: {len(movie.detections)} objects, {len(oracle.links)} links, "
              f"{oracle.errors(result.lineage)} errors at the start", flush=True)  # fmt: skip
        for order in args.orders:
            for way in args.ways:
                start = time.perf_counter()
                found = review(movie, oracle, result, order, way, args.actions)
                n, left = len(found["left"]) - 1, found["left"]
                rates = {k: (left[0] - left[k]) / k for k in (10, 25, 50, 100, 200) if k <= n}
                curves.setdefault(name, {})[f"{order}, {way}"] = found
                print(f"  {order:7} {way:8} {n} actions: {left[0]} -> {left[-1]}; removed per action "
                      + ", ".join(f"{v:.2f} ({k})" for k, v in rates.items())
                      + f"; 90 % of what went was gone after {left.index(next(e for e in left if most(left) >= e))}"
                      + f"; accepted {found['accepted']}, refused {found['refused']}, "
                      + ", ".join(f"{k} {found[k]:.3f}" for k in ("seconds", "ece", "ece_shown") if k in found)
                      + f"; {time.perf_counter() - start:.0f} s in all", flush=True)  # fmt: skip
                if args.out:
                    args.out.write_text(json.dumps(curves))
                if args.picture:
                    draw_curves(curves, args.picture)


def most(left: list[int]) -> float:
    """Tell how many errors are left when 90 % of what a review removed is gone."""
    return left[0] - 0.9 * (left[0] - min(left))


def draw_curves(curves: dict[str, dict[str, Any]], file: Path) -> None:
    """Draw errors left against actions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(curves), 2.8), layout="constrained")
    colors = {"time": "#0072b2", "random": "#999999", "queue": "#d55e00"}
    for axes, (name, found) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        for label, curve in found.items():
            order, way = label.split(", ")
            axes.plot(curve["left"], color=colors[order], ls="-" if way == "resolve" else ":", lw=1.6, label=label)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("actions", fontsize=8)
        axes.set_ylim(0)
        axes.tick_params(labelsize=7)
    figure.axes[0].set_ylabel("link errors left", fontsize=8)
    figure.axes[0].legend(fontsize=7, frameon=False)
    figure.savefig(file, dpi=90)


if __name__ == "__main__":
    main()
