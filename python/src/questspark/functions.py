"""The SQL functions as columns. A str names a column, as in PySpark; a list of str is questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import functions as F

from questspark._options import QueryOptions
from questspark._texts import given, texts

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyspark.sql import Column

OnError = Literal["fail", "record", "null"]


def ai_answer(
    text: Column | str,
    question: Column | str | list[str],
    *,
    on_error: OnError = "fail",
    **options: Unpack[QueryOptions],
) -> Column:
    """Answers a question about a text; a list of questions with an array of answers.

    :param text: column of the documents
    :param question: column of a question or of an array of such, or the questions themselves
    :param on_error: what becomes of a row that cannot be answered: the query fails, the value is a
        struct of text, error_code and error_message, or it is null
    """
    asked: Any = F.array(*[F.lit(one) for one in question]) if isinstance(question, list) else _column(question)
    return F.call_function("ai_answer", _column(text), asked, _map(on_error, dict(options)))


def ai_summarize(
    text: Column | str, *, on_error: OnError = "fail", **options: Unpack[QueryOptions]
) -> Column:
    """Summarizes a text."""
    return F.call_function("ai_summarize", _column(text), _map(on_error, dict(options)))


def _column(value: Column | str) -> Column:
    return F.col(value) if isinstance(value, str) else value


def _map(on_error: str, options: dict[str, Any]) -> Column:
    """Values are arrays of texts, so that an option with several of them is one, too."""
    entries: list[Column] = []
    for name, value in {"on_error": on_error, **given(options)}.items():
        entries += [F.lit(name), F.array(*[F.lit(one) for one in texts(value)])]
    return F.create_map(*entries)


__all__ = ["OnError", "ai_answer", "ai_summarize"]
