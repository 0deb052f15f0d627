import gc
import logging

from nbtrack.errors import EditError
from nbtrack.widgets.messages import Messages


def test_our_errors_are_sentences() -> None:
    messages = Messages("ready")
    assert (messages.text, messages.kind, messages.last_error) == ("ready", "hint", None)

    def refuse():
        raise EditError("Track 7 already has <object> 12.")

    assert messages.guard(refuse)() is None
    assert messages.text == "Track 7 already has <object> 12."
    assert messages.kind == "refused"
    assert isinstance(messages.last_error, EditError)
    assert "&lt;object&gt;" in messages.widget.value
    assert "<details>" not in messages.widget.value


def test_mistakes_show_a_traceback() -> None:
    messages = Messages()
    messages.guard(lambda: 1 / 0)()
    assert messages.kind == "error"
    assert isinstance(messages.last_error, ZeroDivisionError)
    assert "Traceback" in messages.widget.value


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
    messages.widget.close()
    del messages
    gc.collect()
    assert len(logger.handlers) <= before
