"""The command ``classify``: from objects and a few labels to probabilities, and a classifier for the next movie."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.cli.options import add_command, add_movie_options, add_params, given_params, read_movie
from nbtrack.cli.output import add_json_option, note, show, table
from nbtrack.cli.tracking import KINDS, find_objects
from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams

if TYPE_CHECKING:
    from nbtrack.classifiers.labels import Labels
    from nbtrack.data.detections import Detections

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def add_commands(commands: Any) -> None:
    """Add the command of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add it.
    """
    parser = add_command(
        commands,
        "classify",
        run_classify,
        "Tell how many cells each object holds and whether it divides, from a few labels.",
        """\
nbtrack classify prediction.h5 --channel 1 --raw raw.h5 --labels labels.csv --out objects.csv --save classifier.json
nbtrack classify labels.tif --raw raw.tif --labels project.ilp --out objects.csv
nbtrack classify next.h5 --channel 1 --raw next_raw.h5 --classifier classifier.json --out objects.csv
nbtrack track next.h5 --channel 1 --raw next_raw.h5 --classifier classifier.json --out out/""",
    )
    parser.usage = "nbtrack classify INPUT --out FILE [--labels FILE] [--classifier FILE] [--raw RAW] [option ...]"
    parser.add_argument("file", metavar="INPUT", help="prediction map, binary movie or label movie")
    parser.add_argument("--input", choices=KINDS, help="what INPUT is; guessed from its values if not given")
    add_movie_options(parser, what="INPUT")
    parser.add_argument("--raw", metavar="RAW", help="the raw movie, for features of brightness")
    add_movie_options(parser, "raw-", "RAW")
    parser.add_argument("--raw-channel", type=int, metavar="N", help="channel of RAW, where it has several")
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="what is known: a CSV table with t, object_id, count (0 for a false detection) and dividing (true or "
        "false), empty where not known; labels that were saved as JSON; or a project of ilastik (.ilp)",
    )
    parser.add_argument("--classifier", metavar="FILE", help="what was learned before, as --save writes it")
    parser.add_argument("--save", metavar="FILE", help="write what was learned, to be used on the next movie")
    parser.add_argument("--out", required=True, metavar="FILE", help="CSV table of the objects and their probabilities")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    add_json_option(parser)
    add_params(parser.add_argument_group("segmentation, for prediction maps and binary movies"), SegmentationParams)


def read_labels(path: Path, detections: "Detections") -> "Labels":
    """Read labels of objects from a CSV table, saved labels or a project of ilastik.

    Parameters
    ----------
    path : Path
        The file.
    detections : Detections
        The objects. Those of a CSV table are found by their ids, all others by where they lie.

    Returns
    -------
    Labels

    Raises
    ------
    InputError
        If the file cannot be read or does not fit the objects.
    """
    import pandas as pd

    from nbtrack.classifiers.ilastik import read_ilastik
    from nbtrack.classifiers.labels import Labels

    if path.suffix.lower() == ".ilp":
        labels = read_ilastik(path).move_to(detections)
    elif path.suffix.lower() == ".json":
        labels = Labels.load(path, detections)
    else:
        try:
            rows = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
            keys = [(int(t), int(object_id)) for t, object_id in zip(rows["t"], rows["object_id"], strict=True)]
            counts = {key: int(text) for key, text in _entries(rows, keys, "count")}
            divisions = {key: _TRUTH[text.lower()] for key, text in _entries(rows, keys, "dividing")}
            labels = Labels(detections, counts, divisions)
        except InputError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"`{path}` cannot be read as a table of labels: {error}. It needs the columns t, object_id, and count "
                "or dividing."
            ) from error
    if len(labels.lost):
        note(f"{len(labels.lost)} labels are of objects that are not there; they are left out")
    return labels


def run_classify(args: argparse.Namespace) -> None:
    """Do ``nbtrack classify``."""
    from nbtrack.classifiers.labels import Labels
    from nbtrack.classifiers.object_classifier import ObjectClassifier, with_probabilities
    from nbtrack.classifiers.object_table import object_features
    from nbtrack.io.atomic import atomic_path

    if args.labels is None and args.classifier is None:
        raise InputError("There is nothing to learn from. Give --labels, --classifier, or both.")
    for place in (args.out, args.save):
        if place is not None and Path(place).exists() and not args.overwrite:
            raise InputError(f"{place} is there already. Add --overwrite to replace it, or choose another name.")
    raw = read_movie(args.raw, args, "raw-") if args.raw else None
    base = ObjectClassifier.load(args.classifier) if args.classifier else None
    detections = find_objects(read_movie(args.file, args), args.input, given_params(args, SegmentationParams))
    note(f"{len(detections)} objects in {detections.n_frames} frames")
    labels = read_labels(Path(args.labels), detections) if args.labels else Labels(detections)
    features = object_features(detections, raw, channel=args.raw_channel)
    classifier = base if base is not None and not len(labels) else ObjectClassifier.train(features, labels, base=base)
    classified = with_probabilities(detections, classifier.predict(features)).table
    with atomic_path(args.out, overwrite=args.overwrite) as temporary:
        classified.to_csv(temporary, index=False)
    if args.save:
        classifier.save(args.save)
    names = [str(name) for name in classified if str(name).startswith("p_")]
    learned = {name: len(lesson.labels) for name, lesson in classifier.lessons.items()}
    expected = {name: float(classified[name].sum()) for name in names}
    files = {"objects": args.out} | ({"classifier": args.save} if args.save else {})
    found = {"objects": len(detections), "frames": detections.n_frames, "labels": learned, "expected": expected}
    rows: dict[str, Any] = {f"labels of {name}": n for name, n in learned.items()}
    rows |= {f"expected {name[2:].replace('_', ' ')}": f"{n:.1f}" for name, n in expected.items()}
    show({**found, "files": files}, table(rows | files), as_json=args.json)


def _entries(rows: Any, keys: list[tuple[int, int]], name: str) -> list[tuple[tuple[int, int], str]]:
    """Take the entries of a column that are not empty."""
    values = [text.strip() for text in rows[name]] if name in rows else []
    return [(key, text) for key, text in zip(keys, values, strict=False) if text]
