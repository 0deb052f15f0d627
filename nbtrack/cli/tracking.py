"""The command ``track``: from a prediction map, a binary movie or a label movie to exported lineages."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.cli.options import add_command, add_movie_options, add_params, given_params, read_movie
from nbtrack.cli.output import add_json_option, note, show, table
from nbtrack.cli.progress import interruptible
from nbtrack.data.export_names import COLORED, FILE_NAMES
from nbtrack.errors import InputError
from nbtrack.params import SegmentationParams, TrackingParams

if TYPE_CHECKING:
    from nbtrack.data.detections import Detections
    from nbtrack.data.movie import Movie
    from nbtrack.data.result import TrackingResult

KINDS = ("prediction", "binary", "labels")
"""What the input of ``nbtrack track`` can be."""
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
        help="what INPUT is; if not given: numbers between 0 and 1, or with a stored range, are a prediction map, "
        "two values a binary movie, more whole numbers labels",
    )
    add_movie_options(parser, what="INPUT")
    parser.add_argument("--raw", metavar="RAW", help="the raw movie, kept with the result and used by some formats")
    add_movie_options(parser, "raw-", "RAW")
    parser.add_argument("--raw-channel", type=int, metavar="N", help="channel of RAW that the classifier looks at")
    parser.add_argument(
        "--classifier", metavar="FILE", help='probabilities by a classifier, as "nbtrack classify --save" writes it'
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--format",
        default="ctc,csv",
        metavar="LIST",
        help='what to write, separated by commas (default ctc,csv); "nbtrack formats" lists them',
    )
    parser.add_argument(
        "--color-by",
        choices=("track", "lineage"),
        default="track",
        help="what the pixels of the formats labels and png tell (default track)",
    )
    mergers = parser.add_mutually_exclusive_group()
    mergers.add_argument(
        "--resolve-mergers",
        action="store_true",
        default=True,
        help="cut objects that hold several tracks into one part for each before they are written (default)",
    )
    mergers.add_argument(
        "--keep-mergers",
        dest="resolve_mergers",
        action="store_false",
        help="write merged objects as they are, with several tracks",
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
    import numpy as np

    values: set[float] = set()
    for t in np.unique(np.linspace(0, len(movie) - 1, _LOOKED_AT).astype(int)):
        values.update(np.unique(movie[int(t)]).tolist())
    lowest, highest = min(values), max(values)
    two_valued = movie.n_channels == 1 and len(values - {0}) <= 1 and lowest == 0
    if movie.dtype.kind == "f":
        if movie.drange is not None or (lowest >= 0 and highest <= 1):
            return "prediction"
        if two_valued:
            return "binary"
    else:
        if two_valued:
            return "binary"
        if movie.drange is not None:
            return "prediction"
        if movie.n_channels == 1 and lowest == 0:
            return "labels"
    channels = f" in {movie.n_channels} channels" if movie.n_channels > 1 else ""
    found = f"{len(values)} values from {lowest:g} to {highest:g}{channels}"
    raise InputError(
        f"`{movie.name}` looks like no prediction map (0 to 1), binary movie (0 and another value) or label movie "
        f"(whole numbers, 0 the background): found {found}. If it is one, say which with --input, and give --threshold."
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


def follow_objects(detections: "Detections", params: TrackingParams, raw: "Movie | None") -> "TrackingResult":
    """Track, with progress on the terminal and Ctrl-C that keeps the best answer so far.

    Parameters
    ----------
    detections : Detections
        The objects.
    params : TrackingParams
        Weights and limits.
    raw : Movie or None
        The raw movie.

    Returns
    -------
    TrackingResult
    """
    from nbtrack.tracking import track

    with interruptible(params.solver) as control:
        cancel = control.cancel if control.cancellable else None
        return track(detections, params, movie=raw, progress=control.progress, cancel=cancel)


def write_formats(
    result: "TrackingResult", out: Path, formats: list[str], *, overwrite: bool, color_by: str = "track"
) -> dict[str, str]:
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
    color_by : str, optional
        What the pixels of label images and pictures tell: "track" or "lineage".

    Returns
    -------
    dict
        Path by format.
    """
    from nbtrack.io.registry import write

    out.mkdir(parents=True, exist_ok=True)
    for name, place in places_of(out, formats).items():
        options = {"by": color_by} if name in COLORED else {}
        write(result, place, format=name, overwrite=overwrite, **options)
    return {name: str(place) for name, place in places_of(out, formats).items()}


def places_of(out: Path, formats: list[str]) -> dict[str, Path]:
    """Tell where each format is written.

    Parameters
    ----------
    out : Path
        The folder.
    formats : list of str
        Names of formats.

    Returns
    -------
    dict
        Path by format.
    """
    return {name: out / FILE_NAMES.get(name, name) for name in formats}


def check_output(out: Path, formats: list[str], *, overwrite: bool) -> None:
    """Refuse before the work begins what would be refused when it is done.

    Parameters
    ----------
    out : Path
        The folder.
    formats : list of str
        Names of formats.
    overwrite : bool
        Whether earlier exports may be replaced.

    Raises
    ------
    InputError
        If a format is unknown or something is there already.
    """
    from nbtrack.io.registry import WRITERS

    if not formats or not set(formats) <= set(WRITERS):
        raise InputError(
            f"`format` must be some of {', '.join(WRITERS)}, separated by commas: got {','.join(formats)!r}."
        )
    there = [str(place) for place in places_of(out, formats).values() if place.exists()]
    if there and not overwrite:
        raise InputError(f"{there[0]} is there already. Add --overwrite to replace it, or choose another `out`.")


def run_track(args: argparse.Namespace) -> None:
    """Do ``nbtrack track``."""
    formats = [name.strip() for name in args.format.split(",") if name.strip()]
    check_output(Path(args.out), formats, overwrite=args.overwrite)
    params = TrackingParams(**given_params(args, TrackingParams))
    raw = read_movie(args.raw, args, "raw-") if args.raw else None
    detections = find_objects(read_movie(args.file, args), args.input, given_params(args, SegmentationParams))
    note(f"{len(detections)} objects in {detections.n_frames} frames")
    if args.classifier:
        from nbtrack.classifiers.object_classifier import classify

        detections = classify(detections, raw, classifier=args.classifier, channel=args.raw_channel)
    result = follow_objects(detections, params, raw)
    n_mergers = len(result.mergers)
    if args.resolve_mergers and n_mergers:
        from nbtrack.mergers.resolving import resolve_mergers

        result = resolve_mergers(result)
        note(f"{n_mergers} mergers cut into the objects that they hold; --keep-mergers leaves them")
    files = write_formats(result, Path(args.out), formats, overwrite=args.overwrite, color_by=args.color_by)
    found = {**result.summary(), "resolved_mergers": n_mergers - len(result.mergers)}
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
