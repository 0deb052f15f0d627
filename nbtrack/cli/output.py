"""What a command prints: text for people or one JSON document for machines."""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from typing import Any


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json`` to a command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the command.
    """
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows.

    Parameters
    ----------
    value : Any
        Numbers, arrays, paths and containers of these. What is not finite becomes None.

    Returns
    -------
    Any
        Made of dict, list, str, int, float, bool and None.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def show(found: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print the result of a command.

    Parameters
    ----------
    found : mapping
        For machines.
    text : str
        For people.
    as_json : bool
        Which of the two.
    """
    sys.stdout.write((json.dumps(plain(found), indent=2, allow_nan=False) if as_json else text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something by the way, on the standard error.

    Parameters
    ----------
    text : str
        One line.
    """
    sys.stderr.write(text + "\n")


def table(rows: Mapping[str, Any]) -> str:
    """Lay out names and values in two columns.

    Parameters
    ----------
    rows : mapping
        Values by name.

    Returns
    -------
    str
        One line per row.
    """
    width = max((len(name) for name in rows), default=0) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows.items())


def rounded(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Write scores for people.

    Parameters
    ----------
    scores : mapping
        Numbers by name; None where a score has no meaning.

    Returns
    -------
    dict
        Text by name, four digits after the point.
    """
    return {
        name: "-" if value is None else f"{value:.4f}" if isinstance(value, float) else value
        for name, value in scores.items()
    }
