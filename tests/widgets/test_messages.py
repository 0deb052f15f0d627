import gc
import logging

import pytest

from nbtrack.errors import EditError
from nbtrack.widgets.messages import KEPT, Messages


def test_our_errors_are_sentences() -> None:
    messages = Messages("ready")
    assert (messages.text, messages.kind, messages.last_error) == ("ready", "hint", None)

    def refuse():
        raise EditError("Track 7 already has <object> 12.")

    assert messages.guard(refuse)() is None
    assert messages.text == "Track 7 already has <object> 12."
    assert messages.kind == "refused"
    assert isinstance(messages.last_error, EditError)
    assert "&lt;object&gt;" in messages.line.value
    assert "<details>" not in messages.line.value


def test_mistakes_show_a_traceback() -> None:
    messages = Messages()
    messages.guard(lambda: 1 / 0)()
    assert messages.kind == "error"
    assert isinstance(messages.last_error, ZeroDivisionError)
    assert "Traceback" in messages.line.value


def test_guard_passes_values_and_arguments() -> None:
    assert Messages().guard(lambda a, *, b: a + b)(1, b=2) == 3


def test_warnings_of_nbtrack_are_shown_while_the_line_lives() -> None:
    logger = logging.getLogger("nbtrack")
    before = len(logger.handlers)
    messages = Messages()
    logging.getLogger("nbtrack.solvers").warning("The solver %s is slow.", "x")
    assert (messages.text, messages.kind) == ("The solver x is slow.", "refused")
    logging.getLogger("nbtrack").error("It broke.")
    assert messages.kind == "error"
    messages.close()
    del messages
    gc.collect()
    assert len(logger.handlers) <= before


def test_refused_actions_are_offered_once_more() -> None:
    messages, done = Messages(), []

    def act(t, *, force=False):
        if not force:
            raise EditError("Track 1 divides.", forceable=True)
        done.append(t)
        messages.say("Done.")

    assert messages.attempt(act, 3) is None
    assert (messages.text, messages.kind, messages.is_offering) == ("Track 1 divides.", "refused", True)
    assert isinstance(messages.last_error, EditError)
    assert messages.anyway.layout.display == ""
    messages.anyway.click()
    assert (done, messages.text, messages.is_offering) == ([3], "Done.", False)
    assert messages.anyway.layout.display == "none"
    messages.force()
    assert done == [3], "only once"


def test_offers_are_withdrawn_by_whatever_is_said_next() -> None:
    messages = Messages()

    def act(*, force=False):
        raise EditError("No.", forceable=True)

    messages.attempt(act)
    messages.say("Something else.")
    assert not messages.is_offering
    messages.attempt(act)
    messages.anyway.click()
    assert (messages.text, messages.is_offering) == ("No.", False)
    with pytest.raises(EditError, match="No"):
        messages.attempt(act, force=True)


def test_refusals_without_force_are_not_offered() -> None:
    messages = Messages()

    def act():
        raise EditError("Never.")

    with pytest.raises(EditError, match="Never"):
        messages.attempt(act)
    assert not messages.is_offering


def test_what_was_said_is_kept() -> None:
    messages, grown = Messages("hello"), []
    messages.on_note(lambda: grown.append(messages.heard[-1][1:]))
    messages.say("Done.")
    messages.say("", "hint")
    logging.getLogger("nbtrack").handle(logging.LogRecord("nbtrack", logging.INFO, "", 0, "Read %s.", ("x",), None))
    assert grown == [("done", "Done."), ("hint", "Read x.")]
    assert messages.text == "", "news do not push the message away"
    for number in range(KEPT):
        messages.say(str(number))
    assert [entry[2] for entry in messages.heard] == [str(number) for number in range(KEPT)]
    messages.close()
