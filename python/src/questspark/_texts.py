"""Python values as the texts that options are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(value: Any) -> str:
    """True is ``true``; the rest as Python writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def texts(value: Any) -> list[str]:
    """A list's elements, or the one value."""
    return [text(item) for item in value] if isinstance(value, (list, tuple)) else [text(value)]


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without options that are None."""
    return {name: value for name, value in options.items() if value is not None}


def is_connect(spark: Any) -> bool:
    """Whether the session is a client of Spark Connect, which has no JVM of its own."""
    return type(spark).__module__.startswith("pyspark.sql.connect")
