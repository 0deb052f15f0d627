"""The commands ``evaluate`` and ``formats``."""

import argparse
from typing import Any

from nbtrack.cli.options import add_command
from nbtrack.cli.output import add_json_option, rounded, show, table


def add_commands(commands: Any) -> None:
    """Add the commands of this module.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add them.
    """
    evaluate = add_command(
        commands,
        "evaluate",
        run_evaluate,
        "Compare a result with the truth, both as Cell Tracking Challenge folders.",
        "nbtrack evaluate out/ctc 01_GT/TRA\nnbtrack evaluate out/ctc 01_GT/TRA --json",
    )
    evaluate.add_argument("result", metavar="RESULT_DIR", help="folder with mask*.tif and res_track.txt")
    evaluate.add_argument("truth", metavar="TRUTH_DIR", help="folder with man_track*.tif and man_track.txt")
    add_json_option(evaluate)

    formats = add_command(
        commands,
        "formats",
        run_formats,
        "List the formats that can be written.",
        "nbtrack formats\nnbtrack formats --json",
    )
    add_json_option(formats)


def run_evaluate(args: argparse.Namespace) -> None:
    """Do ``nbtrack evaluate``."""
    from nbtrack.evaluation import evaluate

    found = evaluate(args.result, args.truth)
    show(found, table(rounded(found)), as_json=args.json)


def run_formats(args: argparse.Namespace) -> None:
    """Do ``nbtrack formats``."""
    from nbtrack.io.registry import WRITERS

    found = {name: what for name, (_, what) in WRITERS.items()}
    show({"formats": found}, table(found), as_json=args.json)
