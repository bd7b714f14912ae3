"""JSON through raw deflate with a dictionary of usual words, and back within bounds.

A few hostile octets never become megabytes, nor numbers that are none. RFC 1951 without the header of RFC 1950, level
9; JSON as RFC 8259. Standard library only.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

from sms.wire import WireError

TEXT_MAX: Final = 2048
"""Octets that a body may become; real ones stay below 600."""


def squeezed(said: object, words: bytes) -> bytes:
    """Return the deflated JSON. Raises WireError for what JSON can't say."""
    try:
        text = json.dumps(said, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as exc:
        raise WireError(f"this can't be said in JSON: {exc}") from exc
    return deflated(text, words)


def deflated(text: bytes, words: bytes) -> bytes:
    """Return the deflated text. Raises WireError when no reader would take it back, for its length."""
    if len(text) > TEXT_MAX:
        raise WireError(f"a text of {len(text)} octets: at most {TEXT_MAX}")
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, words)
    return coder.compress(text) + coder.flush()


def unsqueezed(octets: bytes, words: bytes) -> Any:
    """Return what the JSON says. Raises WireError when it is damaged or cut, too long, or no JSON."""
    text = inflated(octets, words)
    try:
        said = json.loads(text, parse_constant=_refused, parse_float=_finite)
        json.dumps(said, ensure_ascii=False).encode()  # half a surrogate pair is text that nobody can write down
    except (ValueError, RecursionError) as exc:
        raise WireError(f"the text is no JSON: {exc}") from exc
    return said


def inflated(octets: bytes, words: bytes) -> bytes:
    """Return the text. Raises WireError when it is damaged, cut, too long, or has something behind it."""
    decoder = zlib.decompressobj(-15, words)
    try:
        text = decoder.decompress(octets, TEXT_MAX + 1)
    except zlib.error as exc:
        raise WireError(f"the deflated text is damaged: {exc}") from exc
    if len(text) > TEXT_MAX:
        raise WireError(f"the deflated text has more than {TEXT_MAX} octets")
    if not decoder.eof or decoder.unused_data:
        raise WireError("the deflated text is cut, or something stands behind it")
    return text


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise ValueError(f"{digits} is beyond every number")
    return number
