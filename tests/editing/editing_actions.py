"""Objects that move, meet and vanish, and random actions on them: the same ones for the same seed.

Run as a program, it makes a session with a log and acts until it is killed: ``python editing_actions.py LOG SEED``.
"""

import sys

import numpy as np

from nbtrack.data.movie import Movie
from nbtrack.editing.session import Session
from nbtrack.errors import EditError
from nbtrack.segmentation import detect

N_FRAMES = 8
NAMES = [
    "assign",
    "unassign",
    "forget",
    "mark_false",
    "unmark_false",
    "divide",
    "divide",
    "divide",
    "divide",
    "undivide",
    "follow",
    "divide_objects",
    "delete_track",
    "swap",
    "unlink",
    "link",
    "continue_track",
    "cut_track",
    "swap_at",
    "divide_at",
    "divide_at",
    "check_division",
    "check_division",
    "undo",
    "undo",
    "redo",
    "new_track",
    "select_track",
]  # those that are there twice come twice as often


def make_objects():
    """Four objects in eight frames; they get other ids in each frame, some meet, some are missing later."""
    rng = np.random.default_rng(1)
    frames = np.zeros((N_FRAMES, 30, 40), np.uint32)
    for t in range(N_FRAMES):
        ids = rng.permutation(4) + 1
        for k, i in enumerate(ids):
            if t < 2 or rng.random() < 0.9:
                y, x = 2 + 7 * k, 2 + (3 if k < 2 else 1) * t
                frames[t, y : y + 8, x : x + 6] = i
    return detect(Movie.from_array(frames, "tyx"))


def act(session, rng):
    """Do one random action; tell whether it was possible."""
    objects = session.detections.table[["t", "object_id"]].to_numpy()

    def pick():
        return tuple(int(n) for n in objects[rng.integers(len(objects))])

    def track():
        return int(rng.integers(1, 1 + session.lineage.next_track_id()))

    def child():
        later = [k for k in session.lineage.track_ids if min(session.lineage.objects_of(k)) > last]
        return int(rng.choice(later)) if later else track()

    (t, i), (t_next, j) = pick(), pick()
    frame, scope = int(rng.integers(N_FRAMES)), str(rng.choice(["here", "later", "earlier", "all"]))
    force = bool(rng.random() < 0.5)
    parents = [k for k in session.lineage.track_ids if session.lineage.object_at(k, frame)] or [1]
    parent = int(rng.choice(parents))
    last = max(session.lineage.objects_of(parent), default=frame)
    at = session.lineage.object_at(parent, frame) or 1
    chosen = [parent, track(), None][rng.integers(3)]
    divided = int(rng.choice(list(session.lineage.divisions) or [parent]))
    name = rng.choice(NAMES)
    arguments, options = {
        "assign": ((t, i, track()), {"force": force}),
        "unassign": ((frame, at, parent), {"force": force}),
        "forget": ((parent,), {"t": frame, "scope": scope, "force": force}),
        "mark_false": ((t, i), {"force": force}),
        "unmark_false": ((t, i), {}),
        "divide": ((last, parent, (child(), child())), {}),
        "undivide": ((parent,), {}),
        "follow": (
            (t, i, track()),
            {"window": int(rng.integers(4, 60)), "moving": force, "stop_before": t + 4, "force": force},
        ),
        "divide_objects": ((frame, at, rng.choice(np.arange(1, 5), 2).tolist()), {"track_id": chosen, "force": force}),
        "delete_track": ((parent,), {"force": force}),
        "swap": ((track(), parent, frame), {"force": force}),
        "unlink": ((parent, frame), {}),
        "link": (((t, i), (t_next, j)), {"force": force}),
        "continue_track": ((t, i, chosen), {"force": force}),
        "cut_track": ((frame, at, parent), {}),
        "swap_at": ((frame, at), {"partner": chosen, "force": force}),
        "divide_at": ((t, i, chosen), {"force": force}),
        "check_division": ((divided, force), {}),
        "undo": ((), {}),
        "redo": ((), {}),
        "new_track": ((), {}),
        "select_track": ((parent,), {}),
    }[name]
    try:
        change = getattr(session, name)(*arguments, **options)
    except EditError as error:
        if error.forceable and options.get("force"):
            raise AssertionError("what is forced is not refused with the offer to force it") from error
        return None
    return None if name == "follow" and not change.frames else str(name)


def main(log, seed):
    """Act for ever, and say so on the standard output."""
    session, rng = Session(None, make_objects(), log=log), np.random.default_rng(int(seed))
    while True:
        if act(session, rng):
            sys.stdout.write("x")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
