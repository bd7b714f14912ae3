"""The tables of templates: one definition, used many times (docs/templates.md)."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

NAME_PATTERN: Final = r"[a-z][a-z0-9_]*"


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One definition of points, limits and other tables, such as all that an apartment has.

    It holds any table that can stand several times, written `[[template.point]]`, `[[template.limit]]` and so on, with
    placeholders such as `{n}` in its texts. Alone it is nothing: each `[[use]]` of it makes the tables once.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,47}$", extra={"expect": "id"})]


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A template used once, or once for each of several sets of values."""

    template: Annotated[str, Meta(description="id of the template")]
    values: Annotated[
        dict[str, Any] | list[dict[str, Any]],
        Meta(description="what stands for each placeholder: { n = 1, pin = 17 }, or a list of such tables"),
    ] = {}
