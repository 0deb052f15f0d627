"""Every public name exists and explains itself, because users press shift+tab in a notebook."""

import inspect
import re
from typing import Any

import pytest

import nbtrack

NAMES = [name for name in nbtrack.__all__ if name != "__version__"]


def find_gaps(thing: Any) -> list[str]:
    """List what the docstring of a function or class lacks."""
    text = inspect.getdoc(thing) or ""
    gaps = []
    if not re.match(r"[A-Z`].*[.:]$", text.split("\n")[0]):
        gaps.append("the first line is no sentence")
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return gaps
    signature = inspect.signature(thing)
    parameters = [name for name in signature.parameters if name not in ("self", "cls", "args", "kwargs")]
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.M | re.S)
    if parameters and not section:
        gaps.append('there is no section "Parameters"')
    elif section:
        heads = re.findall(r"^[*\w].*$", section.group(1), re.M)
        described = {name.strip("* ") for head in heads for name in head.split(" : ")[0].split(",")}
        gaps += [f"parameter `{name}` is not described" for name in parameters if name not in described]
    gives = inspect.isfunction(thing) and signature.return_annotation not in (None, "None", inspect.Signature.empty)
    if gives and not re.search(r"^(Returns|Yields)\n-+$", text, re.M):
        gaps.append('there is no section "Returns"')
    return gaps


@pytest.mark.parametrize("name", NAMES)
def test_name_exists_and_is_documented(name: str) -> None:
    assert find_gaps(getattr(nbtrack, name)) == []


def test_names_are_listed() -> None:
    assert dir(nbtrack) == sorted(nbtrack.__all__)
    assert not hasattr(nbtrack, "no_such_name")


def test_checker_sees_gaps() -> None:
    def shout(text: str, *, loud: bool) -> str:
        """Say it.

        Parameters
        ----------
        text : str
            What.
        """
        return text * (1 + loud)

    assert find_gaps(shout) == ["parameter `loud` is not described", 'there is no section "Returns"']
    assert 'there is no section "Parameters"' in find_gaps(lambda x: x)
