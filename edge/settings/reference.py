"""The reference page of the settings, and their schema without drivers from elsewhere, as they stand in the tree.

`python -m edge.settings.reference` prints docs/reference/settings.md, and with the word `schema` the schema. Both
are composed from the declarations, so that page, schema and `check` say the same; a test compares the files with this.
"""

from __future__ import annotations

import inspect as python
import json
import sys
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from edge.core import units
from edge.settings import model
from edge.settings.catalogue import written
from edge.settings.draft import LINKS
from edge.settings.expect import expected
from edge.settings.model_limits import KEYS
from edge.settings.model_template import Template, Use
from edge.settings.options import options_by_driver
from edge.settings.tables import SEVERAL, SINGLE
from hal import buses, drivers

BAR: Final = "\\|"
"""A bar within a cell of a table."""
FIRST: Final = ("box", "site", "history")
"""The tables with which the page begins."""

EXAMPLE: Final = """\
[box]
id = "b0042"

[site]
name = "Gymnase Sud"

[bus.gpio]
kind = "gpio"

[[point]]
id = "water.cold"
bus = "gpio"
driver = "contact"
pin = 17
peroid_s = 60

[[seuil]]
point = "water.cold"

[[limit]]
id = "leak"
point = "water.cald"
kind = "equal"
value = "open"
"""

_HEAD: Final = """\
# Settings

Made from the program's own declarations by `python -m edge.settings.reference`; a test keeps it true.

One file in [TOML](https://toml.io) describes a box: `/etc/vigie/vigie.toml`. `vigie check FILE` lists every fault with
its place and exits with 2, or says in one line what a good file holds (exit 0). What is allowed and probably not meant
is a warning, told with its place too; with `--strict` one makes it exit with 2. With `--json` it prints one object
`{"file","good","faults":[{"line","column","path","code","shown","text"}],"warnings":[…]}`. `vigie schema`
prints a JSON Schema for editors, with the options of drivers from installed packages; `config/vigie.schema.json` is the
one without these.
`check` changes nothing.
"""


def page() -> str:
    """Return the whole page."""
    parts = [
        _HEAD,
        _check_example(),
        *(_section(f"`[{name}]`", SINGLE[name]) for name in FIRST),
        *_bus_sections(),
        _section("`[[point]]`: the keys of every point", model.Point),
        *_driver_sections(),
        *_table_sections(),
        *(_section(f"`[link.{name}]`", kind) for name, kind in LINKS.items()),
        _section("`[[template]]`", Template),
        _section("`[[use]]`", Use),
        _USES,
        _unit_section(),
    ]
    return "\n".join(parts)


_LIMITS: Final = "\n".join(
    (
        "An alarm begins when the limit was exceeded for `on_delay_s`, and ends when the value was back by `deadband`",
        "for `off_delay_s`. Besides `id`, `point`, `kind`, `latch`, `priority` and `diagnosis`, a limit has the keys",
        "of its kind; docs/limits.md has an example of each.\n",
        "| kind | keys |",
        "|---|---|",
        *(f"| `{kind}` | {', '.join(f'`{key}`' for key in keys)} |" for kind, keys in KEYS.items()),
        "",
    )
)


_USES: Final = """\
Values take the place of placeholders before anything is checked: docs/templates.md. `vigie check FILE --expanded`
prints the file as it is then.
"""

_NOTES: Final = {"limit": _LIMITS}
"""What is to be said of a table beside its keys."""


def _table_sections() -> Iterator[str]:
    for name, kind in SEVERAL.items():
        yield _section(f"`[[{name}]]`", kind)
        if name in _NOTES:
            yield _NOTES[name]
    for name, kind in SINGLE.items():
        if name not in FIRST:
            yield _section(f"`[{name}]`", kind)


def _check_example() -> str:
    from edge.settings.faults import SettingsError
    from edge.settings.load import loads

    try:
        loads(EXAMPLE, "vigie.toml")
    except SettingsError as exc:
        return f"```\n$ vigie check vigie.toml\n{exc}\n```\n"
    raise ValueError("the example has no fault")


def _bus_sections() -> Iterator[str]:
    yield "## `[bus.NAME]`\n"
    yield "`kind` says which of these it is; points call it by its name in `bus`. Each bus has a thread of its own.\n"
    for kind, options in buses.KINDS.items():
        yield _section(f'`kind = "{kind}"`', options, level=3)


def _driver_sections() -> Iterator[str]:
    yield "## `[[point]]`: the keys of each driver\n"
    yield (
        "Two points may share a device: the index and the flow of one pulse meter, temperature and humidity of one\n"
        "sensor. A pin, an I2C address or a channel that is used twice otherwise is a fault.\n"
    )
    for name, options in options_by_driver(sorted(drivers.BUILT_IN)).items():
        kind = drivers.load(name).bus_kind
        yield _section(f'`driver = "{name}"` on a bus of kind `{kind}`', options, level=3)


def _unit_section() -> str:
    def listed(names: Any) -> str:
        return ", ".join(f"`{name}`" for name in names)

    return (
        "## Units\n\n"
        "`unit` is a SenML name; it changes no value, as `scale` and `offset` do. Screens show `Cel` as °C.\n"
        "All of them with their conversions: [units](units.md).\n\n"
        f"- RFC 8428 and RFC 8798, primary: {listed(units.PRIMARY)}\n"
        f"- RFC 8798, secondary: {listed(units.SECONDARY)}\n"
        f"- of the field, not registered: {listed(units.FIELD)}\n"
    )


def _section(title: str, kind: type[msgspec.Struct], level: int = 2) -> str:
    lines = [f"{'#' * level} {title}\n", python.cleandoc(kind.__doc__ or "") + "\n"]
    rows = key_rows(kind)
    if rows:
        lines += ["| key | takes | where absent | meaning |", "|---|---|---|---|"]
        lines += [f"| {' | '.join((f'`{row[0]}`', *(cell.replace('|', BAR) for cell in row[1:])))} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def key_rows(kind: type[msgspec.Struct], lang: str = "en") -> list[tuple[str, str, str, str]]:
    """Return of each key of a table or of a command: its name, what it takes, what holds without it, its meaning."""
    return [
        (
            field.encode_name,
            written(lang, expected(field.type)).strip().removesuffix(","),
            _absent(field),
            _description(inspect.type_info(field.type)),
        )
        for field in msgspec.structs.fields(kind)
    ]


def _absent(field: Any) -> str:
    """Return what holds where the key is not written."""
    if field.required:
        return "must be written"
    if field.default is None or field.default is msgspec.NODEFAULT or field.default == "":
        return ""
    if field.encode_name == "address":  # written in hexadecimal on every chip's data sheet
        return f"`0x{field.default:02x}`"
    return f"`{json.dumps(field.default, ensure_ascii=False)}`"


def _description(info: inspect.Type) -> str:
    """Return the description that stands in a type's Meta, also within a union."""
    if isinstance(info, inspect.Metadata):
        own = (info.extra_json_schema or {}).get("description", "")
        return own or _description(info.type)
    if isinstance(info, inspect.UnionType):
        return next((found for part in info.types if (found := _description(part))), "")
    return ""


def schema_text() -> str:
    """Return the schema of a file with the drivers that come with the program."""
    from edge.settings.schema import file_schema

    own = file_schema(options_by_driver(sorted(drivers.BUILT_IN)))
    return msgspec.json.format(msgspec.json.encode(own), indent=2).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text() if sys.argv[1:] == ["schema"] else page())
