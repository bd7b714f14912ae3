"""Why the local API does not answer a question, as the caller reads it."""

from __future__ import annotations


class RefusedError(Exception):
    """`status` of HTTP, a short stable `code`, and a text that says what is expected."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
