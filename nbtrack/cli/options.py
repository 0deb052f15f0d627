"""Options that several commands share, and options made from parameter dataclasses."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from nbtrack.data.movie import Movie


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], summary: str, examples: str
) -> argparse.ArgumentParser:
    """Add a command with a help text that ends in examples.

    Parameters
    ----------
    commands : the object that ``add_subparsers`` gave
        Where to add it.
    name : str
        The word after ``nbtrack``.
    run : callable
        Does the command, given the namespace.
    summary : str
        One sentence.
    examples : str
        Lines to copy.

    Returns
    -------
    argparse.ArgumentParser
        For the arguments of the command.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary[0].lower() + summary[1:].rstrip("."),
        description=summary,
        epilog="Examples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def add_movie_options(parser: argparse._ActionsContainer, prefix: str = "", what: str = "the movie") -> None:
    """Add the options that tell how to read a movie: ``--axes`` and ``--dataset``.

    Parameters
    ----------
    parser : argparse.ArgumentParser or group
        Where to add them.
    prefix : str, optional
        Put before the names, for a second movie: ``"raw-"``.
    what : str, optional
        Which movie, in words.
    """
    parser.add_argument(
        f"--{prefix}axes", metavar="AXES", help=f"axes of {what}, one letter of t, z, y, x, c each, such as tyxc"
    )
    parser.add_argument(f"--{prefix}dataset", metavar="NAME", help=f"dataset of {what} inside an HDF5 or npz file")


def read_movie(path: str, args: argparse.Namespace, prefix: str = "") -> "Movie":
    """Open a movie as the options of `add_movie_options` say.

    Parameters
    ----------
    path : str
        The file.
    args : argparse.Namespace
        The parsed options.
    prefix : str, optional
        As given to `add_movie_options`.

    Returns
    -------
    Movie
        Its frames are read later.
    """
    from nbtrack.io.registry import read

    start = prefix.replace("-", "_")
    return read(path, axes=getattr(args, f"{start}axes"), dataset=getattr(args, f"{start}dataset"))


def at_least(low: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """Make a type for argparse: a number that is not too small.

    Parameters
    ----------
    low : float
        The smallest number allowed.
    kind : callable, optional
        ``float`` or ``int``.

    Returns
    -------
    callable
        Turns a text into the number.
    """

    def convert(text: str) -> float:
        value = kind(text)
        if not value >= low:
            raise argparse.ArgumentTypeError(f"must be at least {low}: got {text}")
        return value

    convert.__name__ = getattr(kind, "__name__", "number")
    return convert


def add_params(parser: argparse._ActionsContainer, params: type, *, skip: Sequence[str] = ()) -> None:
    """Add an option for every field of a parameter dataclass.

    Label, help, unit, range and defaults come from the field. An option that is not given leaves no trace in the
    namespace, so that the default of the chosen preset holds.

    Parameters
    ----------
    parser : argparse.ArgumentParser or group
        Where to add them.
    params : type
        A dataclass whose fields were declared with `nbtrack.params.param`.
    skip : sequence of str, optional
        Fields without an option.
    """
    hints = get_type_hints(params)
    for item in fields(params):
        if item.name in skip or "presets" not in item.metadata:
            continue
        keywords: dict[str, Any] = {"dest": item.name, "default": argparse.SUPPRESS, "help": _describe(item)}
        choices = item.metadata["choices"]
        if hints[item.name] is bool:
            keywords["action"] = argparse.BooleanOptionalAction
        elif choices:
            keywords |= {"choices": choices, "type": type(choices[0])}
        else:
            keywords |= _value_of(hints[item.name])
        parser.add_argument(f"--{item.name.replace('_', '-')}", **keywords)


def given_params(args: argparse.Namespace, params: type) -> dict[str, Any]:
    """Collect the parameters that were given on the command line.

    Parameters
    ----------
    args : argparse.Namespace
        The parsed options.
    params : type
        The dataclass given to `add_params`.

    Returns
    -------
    dict
        Value by name of the field; lists became tuples, and a list of one became its number where that is allowed.
    """
    hints = get_type_hints(params)
    given = {}
    for name, hint in hints.items():
        if hasattr(args, name):
            value = getattr(args, name)
            if isinstance(value, list):
                value = value[0] if len(value) == 1 and _takes_one(hint) else tuple(value)
            given[name] = value
    return given


def _describe(item: "Field[Any]") -> str:
    """Make the help text of one option: what, unit, range, defaults."""
    about, default = item.metadata, item.default
    low, high, unit = about["low"], about["high"], about["unit"]
    notes = [f"in {unit}"] if unit else []
    if low is not None and high is not None:
        notes.append(f"{low} to {high}")
    elif low is not None:
        notes.append(f"at least {low}")
    elif high is not None:
        notes.append(f"at most {high}")
    notes.append("not set by default" if default is None else f"default {_word(default)}")
    notes += [f"preset {name}: {_word(value)}" for name, value in about["presets"].items()]
    text = f"{about['label']}. {about['help']}" if about["help"] else about["label"]
    return f"{text} [{'; '.join(notes)}]".replace("%", "%%")


def _word(value: Any) -> str:
    """Write a value as it is typed on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "none"}[value]
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _members(hint: Any) -> tuple[Any, ...]:
    """Split ``int | None`` into its members."""
    return get_args(hint) if get_origin(hint) is not tuple and get_args(hint) else (hint,)


def _takes_one(hint: Any) -> bool:
    """Tell whether a single number is allowed beside a tuple."""
    return any(member in (int, float) for member in _members(hint))


def _value_of(hint: Any) -> dict[str, Any]:
    """Tell argparse how many values of which type a field takes."""
    members = _members(hint)
    several = next((member for member in members if get_origin(member) is tuple), None)
    kind = get_args(several)[0] if several else next(member for member in members if member is not NoneType)
    convert = _or_none(kind) if NoneType in members else kind
    keywords = {"type": convert, "metavar": {int: "N", float: "X", str: "TEXT"}[kind]}
    if several:
        entries = get_args(several)
        keywords["nargs"] = "+" if Ellipsis in entries else len(entries)
    return keywords


def _or_none(kind: type) -> Callable[[str], Any]:
    """Read a value or the word "none"."""

    def convert(text: str) -> Any:
        return None if text.lower() == "none" else kind(text)

    convert.__name__ = kind.__name__
    return convert
