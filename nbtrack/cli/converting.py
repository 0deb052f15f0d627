"""The commands ``convert`` and ``formats``."""

import argparse
from pathlib import Path
from typing import Any

from nbtrack.cli.options import add_command
from nbtrack.cli.output import add_json_option, show, table
from nbtrack.errors import InputError

BY_NAME = (
    (".geff", "geff"),
    ("mamut.xml", "mamut"),
    (".xml", "trackmate"),
    (".zarr", "ome-zarr"),
    (".ome.tif", "ome-tiff"),
    (".ome.tiff", "ome-tiff"),
    (".tif", "labels"),
    (".tiff", "labels"),
    (".h5", "labels"),
    (".hdf5", "labels"),
    (".csv", "csv"),
    (".ilp", "ilp"),
)
"""How the name of a file ends, and the format that is meant; a name with no ending is a folder of the challenge."""


def add_commands(commands: Any) -> None:
    """Add the commands of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add them.
    """
    convert = add_command(
        commands,
        "convert",
        run_convert,
        "Read tracks in one format and write them in another.",
        "nbtrack convert fiji.xml tracks.geff\n"
        "nbtrack convert 01_RES tracks_mamut.xml --scale 2 0.5 0.5\n"
        "nbtrack convert project.ilp out/ctc\n"
        "nbtrack convert tracks.csv tracks.xml --labels objects.h5\n"
        "nbtrack convert tracks.geff spots.csv --to celltracks",
    )
    convert.add_argument("source", metavar="IN", help="file or folder with tracks")
    convert.add_argument("target", metavar="OUT", help="file or folder to write")
    convert.add_argument(
        "--from", dest="source_format", metavar="FORMAT", help="format of IN; told from the files if not given"
    )
    convert.add_argument(
        "--to", dest="target_format", metavar="FORMAT", help="format of OUT; told from its name if not given"
    )
    convert.add_argument("--labels", metavar="FILE", help="label images of the objects, for formats without pixels")
    convert.add_argument(
        "--scale", type=float, nargs="+", metavar="SIZE", help="pixel size along [z,] y, x, if IN does not tell it"
    )
    convert.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    add_json_option(convert)

    formats = add_command(
        commands,
        "formats",
        run_formats,
        "List the formats that can be read and written.",
        "nbtrack formats\nnbtrack formats --json",
    )
    add_json_option(formats)


def run_convert(args: argparse.Namespace) -> None:
    """Do ``nbtrack convert``."""
    from nbtrack.io.registry import read_tracks, write

    format = args.target_format or format_of_name(args.target)
    scale = args.scale[0] if args.scale and len(args.scale) == 1 else args.scale
    tracked = read_tracks(args.source, format=args.source_format, labels=args.labels, scale=scale)
    files = write(tracked, args.target, format=format, overwrite=args.overwrite)
    tracks = tracked.lineage.tracks
    found = {
        "frames": tracked.detections.n_frames,
        "objects": len(tracked.detections),
        "tracks": len(tracks),
        "divisions": len(tracked.lineage.divisions),
        "mergers": len(tracked.lineage.mergers()),
        "format": format,
        "written": args.target if len(files) > 1 else str(files[0]),
    }
    show(found, table(found), as_json=args.json)


def format_of_name(name: str) -> str:
    """Tell by the name of a file or folder in which format it is meant to be written.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        Name of a format.

    Raises
    ------
    InputError
        If the name ends in something that no format has.
    """
    for ending, format in BY_NAME:
        if name.lower().rstrip("/").endswith(ending):
            return format
    if Path(name).suffix:
        raise InputError(
            f"The name `{name}` does not tell a format: it must end in {', '.join(ending for ending, _ in BY_NAME)}, "
            "or have no ending for a folder of the Cell Tracking Challenge. Choose another name, or say --to FORMAT."
        )
    return "ctc"


def run_formats(args: argparse.Namespace) -> None:
    """Do ``nbtrack formats``."""
    from nbtrack.io.format_list import formats

    listed = formats()
    rows = {}
    for name, row in listed.iterrows():
        ways = [word for word in ("read", "write") if row[word]]
        needs = f" [{row['extra']}]" if row["extra"] else ""
        rows[str(name)] = f"{', '.join(ways):<13}{row['what']}{needs}"
    show({"formats": listed.to_dict("index")}, table(rows), as_json=args.json)
