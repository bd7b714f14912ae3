"""The status lamp's table, `config/led.toml`: which state is shown by which pattern, and what people are told of it."""

from __future__ import annotations

import msgspec

from edge.settings import packaged


class LampState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One state of the box."""

    name: str
    pattern_ms: tuple[int, ...]
    """Lit, dark, lit, dark …; empty: dark."""
    look: dict[str, str]
    means: dict[str, str]
    do: dict[str, str]


class Heard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that an input brought, by the number of its flashes."""

    flashes: int
    means: dict[str, str]


class LampTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table, the most pressing state first."""

    state: tuple[LampState, ...]
    heard: tuple[Heard, ...]

    def pattern_ms(self, state: str) -> tuple[int, ...]:
        """Return the pattern of a state; dark for one that the table does not have."""
        return next((row.pattern_ms for row in self.state if row.name == state), ())


def lamp_table() -> LampTable:
    """Return the table as packaged. Raises OSError when it is missing, ValueError when it is damaged."""
    return msgspec.toml.decode(packaged.find("led.toml").read_bytes(), type=LampTable)


def lamp_page() -> str:
    """Return the table as it stands in docs/inputs.md, in English and French."""
    lines = ["| lamp | means | do | en français |", "|---|---|---|---|"]
    table = lamp_table()
    for row in table.state:
        french = f"{row.look['fr']} : {row.means['fr']} ({row.do['fr']})"
        lines.append(f"| {row.look['en']} | {row.means['en']} | {row.do['en']} | {french} |")
    for heard in table.heard:
        times = f"{heard.flashes} flash{'es' if heard.flashes > 1 else ''}, in the first half hour"
        french = f"{heard.flashes} éclair{'s' if heard.flashes > 1 else ''} : {heard.means['fr']}"
        lines.append(f"| {times} | {heard.means['en']} | wire the next | {french} |")
    return "\n".join(lines) + "\n"
