"""The commands ``info`` and ``segment``."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbtrack.cli.options import add_command, add_movie_options, add_params, given_params, read_movie
from nbtrack.cli.output import add_json_option, show, table
from nbtrack.params import SegmentationParams

if TYPE_CHECKING:
    from nbtrack.data.movie import Movie


def add_commands(commands: Any) -> None:
    """Add the commands of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add them.
    """
    info = add_command(
        commands,
        "info",
        run_info,
        "Show shape, axes, type and pixel size of a movie, or what a project of ilastik holds.",
        'nbtrack info movie.h5\nnbtrack info "frames/t*.tif"\nnbtrack info stack.npy --axes tzyx --json',
    )
    info.add_argument(
        "file", metavar="FILE", help="HDF5, TIFF stack, TIFF series (quoted pattern), OME-TIFF, OME-Zarr, npy, npz, ilp"
    )
    add_movie_options(info)
    add_json_option(info)

    segment = add_command(
        commands,
        "segment",
        run_segment,
        "Turn a prediction map or a binary movie into label images.",
        """\
nbtrack segment prediction.h5 --axes tyxc --channel 1 --out labels.h5
nbtrack segment prediction.h5 --channel 1 --threshold 0.4 --core-threshold 0.8 --size 20 2000 --out labels.h5
nbtrack segment binary.tif --threshold 0 --sigma 0 --out labels.tif""",
    )
    segment.add_argument("file", metavar="PREDICTION", help="movie of probabilities or binary movie")
    add_movie_options(segment)
    add_params(segment, SegmentationParams)
    segment.add_argument("--out", required=True, metavar="LABELS", help="file to write: .h5 (frame by frame) or .tif")
    segment.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    add_json_option(segment)


def describe_movie(movie: "Movie") -> dict[str, Any]:
    """Collect what ``nbtrack info`` shows.

    Parameters
    ----------
    movie : Movie
        Only its first frame is read.

    Returns
    -------
    dict
        name, axes, shape, dtype, frames, channels, scale, unit, drange, minimum and maximum of the first frame.
    """
    first = movie[0]
    return {
        "name": movie.name,
        "axes": movie.axes,
        "shape": movie.shape,
        "dtype": str(movie.dtype),
        "frames": len(movie),
        "channels": movie.n_channels,
        "scale": movie.scale,
        "unit": movie.unit,
        "drange": movie.drange,
        "first_frame_minimum": first.min(),
        "first_frame_maximum": first.max(),
    }


def run_info(args: argparse.Namespace) -> None:
    """Do ``nbtrack info``."""
    if args.file.lower().endswith(".ilp"):
        _tell_project(args)
        return
    movie = read_movie(args.file, args)
    found = describe_movie(movie)
    spatial = [axis for axis in movie.axes if axis in "zyx"]
    rows = {
        "name": movie.name,
        "axes": " ".join(movie.axes),
        "shape": " x ".join(map(str, movie.shape)),
        "pixels": found["dtype"],
        "frames": len(movie),
        "channels": movie.n_channels,
        "scale": ", ".join(f"{axis} {size:g}" for axis, size in zip(spatial, movie.scale, strict=True))
        + (f" {movie.unit}" if movie.unit else ""),
        "range": "not stored" if movie.drange is None else f"{movie.drange[0]:g} to {movie.drange[1]:g}",
        "first frame": f"{found['first_frame_minimum']:g} to {found['first_frame_maximum']:g}",
    }
    show(found, table(rows), as_json=args.json)


def _tell_project(args: argparse.Namespace) -> None:
    """Tell what a project of ilastik holds."""
    from nbtrack.io.ilp_project import describe_ilastik

    found = describe_ilastik(args.file).summary()
    rows = {}
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {entry}" for key, entry in value.items())
        if value or value == 0:
            rows[name.replace("_", " ")] = value
    show(found, table(rows), as_json=args.json)


def run_segment(args: argparse.Namespace) -> None:
    """Do ``nbtrack segment``."""
    from nbtrack.editing.session import Session
    from nbtrack.io.registry import write
    from nbtrack.segmentation import segment

    movie = read_movie(args.file, args)
    given = given_params(args, SegmentationParams)
    if Path(args.out).suffix.lower() in (".h5", ".hdf5"):
        detections = segment(movie, **given, out=args.out, overwrite=args.overwrite, progress=True)
    else:
        detections = segment(movie, **given, progress=True)
        write(Session(movie, detections), args.out, format="labels", by="object", overwrite=args.overwrite)
    per_frame = detections.table.groupby("t").size().reindex(range(detections.n_frames), fill_value=0)
    found = {
        "objects": len(detections),
        "frames": detections.n_frames,
        "objects_per_frame": per_frame.to_list(),
        "params": detections.params,
        "labels": args.out,
    }
    text = (
        f"{len(detections)} objects in {detections.n_frames} frames, {per_frame.min()} to {per_frame.max()} per frame"
    )
    show(found, f"{text}\nLabels: {args.out}", as_json=args.json)
