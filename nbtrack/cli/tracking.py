"""The command ``track``: from a prediction map, a binary movie or a label movie to exported lineages."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtrack.cli.options import add_command, add_movie_options, add_params, given_params, read_movie
from nbtrack.cli.output import add_json_option, note, show, table
from nbtrack.cli.progress import interruptible
from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams, TrackingParams

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult

KINDS = ("prediction", "binary", "labels")
"""What the input of ``nbtrack track`` can be."""
FILE_NAMES = {"labels": "labels.h5"}
"""Names inside the output folder of formats that are one file; the others are folders named like the format."""
_LOOKED_AT = 10


def add_commands(commands: Any) -> None:
    """Add the command of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add it.
    """
    parser = add_command(
        commands,
        "track",
        run_track,
        "Track a prediction map, a binary movie or a label movie, and write the lineages.",
        """\
nbtrack track prediction.h5 --axes tyxc --channel 1 --optimality-gap 0.05 --out out/ --format ctc,csv
nbtrack track prediction.h5 --channel 1 --threshold 0.4 --size 20 2000 --no-divisible --out out/
nbtrack track labels.tif --raw raw.tif --neighbors 2 --max-distance 30 --out out/ --format ctc
nbtrack track "masks/*.tif" --input labels --preset chaingraph --timeout 60 --out out/ --json""",
    )
    parser.usage = "nbtrack track INPUT --out DIR [--raw RAW] [--axes AXES] [--channel N] [--format LIST] [option ...]"
    parser.add_argument("file", metavar="INPUT", help="prediction map, binary movie or label movie")
    parser.add_argument(
        "--input",
        choices=KINDS,
        help="what INPUT is; if not given: numbers with a point or a stored range are a prediction map, "
        "whole numbers with two values a binary movie, with more values labels",
    )
    add_movie_options(parser, what="INPUT")
    parser.add_argument("--raw", metavar="RAW", help="the raw movie, kept with the result and used by some formats")
    add_movie_options(parser, "raw-", "RAW")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--format",
        default="ctc,csv",
        metavar="LIST",
        help='what to write, separated by commas (default ctc,csv); "nbtrack formats" lists them',
    )
    parser.add_argument("--overwrite", action="store_true", help="replace earlier exports in DIR")
    add_json_option(parser)
    add_params(parser.add_argument_group("segmentation, for prediction maps and binary movies"), SegmentationParams)
    add_params(parser.add_argument_group("tracking"), TrackingParams)


def guess_input(movie: "Movie") -> str:
    """Tell what a movie is: a prediction map, a binary movie or a label movie.

    Parameters
    ----------
    movie : Movie
        Up to ten frames of it are looked at, from the first to the last.

    Returns
    -------
    str
        One of `KINDS`.

    Raises
    ------
    InputError
        If it cannot be told.
    """
    if movie.drange is not None:
        return "prediction"
    if movie.dtype.kind == "b":
        return "binary"
    frames = np.unique(np.linspace(0, len(movie) - 1, _LOOKED_AT).astype(int))
    if movie.dtype.kind == "f":
        lowest = min(float(np.nanmin(movie[int(t)])) for t in frames)
        highest = max(float(np.nanmax(movie[int(t)])) for t in frames)
        if lowest >= 0 and highest <= 1:
            return "prediction"
        found = f"numbers from {lowest:g} to {highest:g}"
    elif movie.n_channels == 1:
        values: set[int] = set()
        for t in frames:
            values.update(np.unique(movie[int(t)]).tolist())
            if len(values - {0}) > 1:
                return "labels"
        return "binary"
    else:
        found = f"{movie.n_channels} channels of whole numbers"
    raise InputError(
        f"`{movie.name}` is no prediction map (0 to 1), binary movie or label movie: found {found}. "
        f"Say what it is with --input ({', '.join(KINDS)}), and give a --threshold that fits."
    )


def find_objects(movie: "Movie", kind: str | None, given: dict[str, Any]) -> "Detections":
    """Make detections of the input, whatever kind it is.

    Parameters
    ----------
    movie : Movie
        The input.
    kind : str or None
        One of `KINDS`; guessed if None.
    given : dict
        The segmentation parameters that were given.

    Returns
    -------
    Detections

    Raises
    ------
    InputError
        If segmentation parameters were given for a label movie.
    """
    from nbtrack.segmentation import detect, segment

    how = "as you say" if kind else "by its values; --input overrides"
    kind = kind or guess_input(movie)
    note(f"{movie.name}: {kind} ({how})")
    if kind == "labels":
        if given:
            raise InputError(
                f"`{next(iter(given))}` belongs to the segmentation, but labels are taken as objects as they are. "
                "Leave it out, or say what the input is with --input. The tracker has its own `size_range`."
            )
        return detect(movie)
    if kind == "binary":
        given = {"threshold": 0.0, "sigma": 0.0, **given}
    return segment(movie, **given, progress=True)


def write_formats(result: "TrackingResult", out: Path, formats: list[str], *, overwrite: bool) -> dict[str, str]:
    """Write a result in several formats into one folder.

    Parameters
    ----------
    result : TrackingResult
        What to write.
    out : Path
        The folder; made if needed.
    formats : list of str
        Names of formats.
    overwrite : bool
        Replace earlier exports.

    Returns
    -------
    dict
        Path by format.
    """
    from nbtrack.io.registry import write

    out.mkdir(parents=True, exist_ok=True)
    places = {name: out / FILE_NAMES.get(name, name) for name in formats}
    for name, place in places.items():
        write(result, place, format=name, overwrite=overwrite)
    return {name: str(place) for name, place in places.items()}


def run_track(args: argparse.Namespace) -> None:
    """Do ``nbtrack track``."""
    from nbtrack.tracking import track

    formats = [name.strip() for name in args.format.split(",") if name.strip()]
    params = TrackingParams(**given_params(args, TrackingParams))
    raw = read_movie(args.raw, args, "raw-") if args.raw else None
    detections = find_objects(read_movie(args.file, args), args.input, given_params(args, SegmentationParams))
    note(f"{len(detections)} objects in {detections.n_frames} frames")
    with interruptible() as control:
        result = track(detections, params, movie=raw, control=control)
    files = write_formats(result, Path(args.out), formats, overwrite=args.overwrite)
    found = result.summary()
    show({**found, "files": files}, describe_result(result) + "\n" + table(files), as_json=args.json)


def describe_result(result: "TrackingResult") -> str:
    """Tell what was found and how well it is proven.

    Parameters
    ----------
    result : TrackingResult
        The result.

    Returns
    -------
    str
        Lines of names and values.
    """
    found, report = result.summary(), result.report
    counts = ("objects", "tracks", "lineages", "divisions", "mergers", "appearances", "disappearances")
    rows = {name: found[name] for name in counts}
    rows["false detections"] = found["false_detections"]
    rows |= {
        "solver": report.solver,
        "status": report.status,
        "energy": f"{report.objective:.6f}",
        "bound": f"{report.bound:.6f}",
        "gap": f"{report.gap:.2g}",
        "seconds": f"{report.seconds:.2f}",
    }
    if report.message:
        rows["note"] = report.message
    return table(rows)
