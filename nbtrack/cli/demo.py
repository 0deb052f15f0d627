"""The command ``demo``: everything once, on the sample movie or on one's own."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.cli.options import add_command, add_params, given_params
from nbtrack.cli.output import add_json_option, note, rounded, show, table
from nbtrack.cli.tracking import describe_result, find_objects, follow_objects, write_formats
from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams, TrackingParams

if TYPE_CHECKING:
    from nbtrack.data.result import TrackingResult

FORMATS = ["ctc", "csv", "events-h5", "labels"]
"""What the demo writes."""


def add_commands(commands: Any) -> None:
    """Add the command of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add it.
    """
    parser = add_command(
        commands,
        "demo",
        run_demo,
        "Segment and track the sample movie, or your own, and write results and pictures.",
        "nbtrack demo\nnbtrack demo --movie raw.h5 --prediction prediction.h5 --out my_output --divisible",
    )
    parser.usage = "nbtrack demo [--movie RAW --prediction FILE] [--out DIR] [--json] [option ...]"
    parser.add_argument("--movie", metavar="RAW", help="raw movie; without it the sample with known truth")
    parser.add_argument("--prediction", metavar="FILE", help="its prediction map, binary movie or label movie")
    parser.add_argument("--out", default="demo_output", metavar="DIR", help="folder to write to (demo_output)")
    add_json_option(parser)
    add_params(parser.add_argument_group("segmentation"), SegmentationParams)
    add_params(parser.add_argument_group("tracking"), TrackingParams)


def run_demo(args: argparse.Namespace) -> None:
    """Do ``nbtrack demo``."""
    from nbtrack.io.registry import read

    started = time.perf_counter()
    given, wanted = given_params(args, SegmentationParams), given_params(args, TrackingParams)
    found = None
    if args.prediction:
        prediction = read(args.prediction)
        movie = read(args.movie) if args.movie else None
        if prediction.n_channels > 1:
            given.setdefault("channel", 1)
    elif args.movie:
        raise InputError(
            f"`prediction` is missing: got only the movie {args.movie}. "
            "Give a prediction map, a binary movie or a label movie too: --prediction FILE."
        )
    else:
        from nbtrack.samples import sample

        note("Simulating the sample movie of dividing nuclei ...")
        found = sample("nuclei")
        movie, prediction = found.raw, found.prediction
        given.setdefault("channel", 1)
    detections = find_objects(prediction, None, given)
    result = follow_objects(detections, TrackingParams(**wanted), movie)
    out = Path(args.out)
    files = write_formats(result, out, FORMATS, overwrite=True)
    files |= draw_pictures(result, out)
    scores: dict[str, Any] = {}
    if found is not None and found.truth is not None and found.labels is not None:
        from nbtrack.evaluation import compare

        scores = dict(compare(result.lineage, detections, found.truth, found.labels))
    seconds = time.perf_counter() - started
    summary = {**result.summary(), "accuracy": scores, "files": files, "seconds_in_all": seconds}
    settings = ", ".join(f"{name} {value}" for name, value in {**given, **wanted}.items()) or "all by default"
    text = [describe_result(result), f"All took {seconds:.1f} s. Settings: {settings}."]
    if scores:
        text += ["", "Compared with the truth of the sample (a share of 1 is perfect):", table(rounded(scores))]
    text += ["", f"Written to {out.resolve()}:", table(files)]
    show(summary, "\n".join(text), as_json=args.json)


def draw_pictures(result: "TrackingResult", out: Path) -> dict[str, str]:
    """Draw the frame with the most divisions around it, with track outlines, and the lineage tree.

    Parameters
    ----------
    result : TrackingResult
        What to draw.
    out : Path
        Folder for ``overview.png`` and ``lineages.png``.

    Returns
    -------
    dict
        Path by name of the picture.
    """
    from nbtrack.rendering.figures import draw_lineage_tree, draw_overview

    frames = result.divisions["t"]
    t = int(frames.mode().iloc[0]) + 1 if len(frames) else result.detections.n_frames // 2
    raw = result.movie[t] if result.movie is not None and result.movie.n_channels == 1 else None
    overview = draw_overview(raw, result.detections.labels[t], result.lineage, t)
    tree = draw_lineage_tree(result.lineage)
    files = {}
    for name, figure in (("overview", overview), ("lineages", tree)):
        files[name] = str(out / f"{name}.png")
        figure.savefig(files[name], dpi=110)
    return files
