"""The units that may stand on the wire, how people read them, and what they were meant to be when misspelt.

SenML names: RFC 8428 §12.1 and RFC 8798 §2 (primary), RFC 8798 §3 (secondary: a factor away from a primary one). Six
units of the field are in neither and stand on the wire all the same, for meters and gauges are marked in them; what
they are in a registered unit is said here. On screens a unit has a name people know: °C for Cel, m³ for m3.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PRIMARY: Final = (
    *("m", "kg", "g", "s", "A", "K", "cd", "mol", "Hz", "rad", "sr", "N", "Pa", "J", "W", "C", "V", "F", "Ohm", "S"),
    *("Wb", "T", "H", "Cel", "lm", "lx", "Bq", "Gy", "Sv", "kat", "m2", "m3", "l", "m/s", "m/s2", "m3/s", "l/s"),
    *("W/m2", "cd/m2", "bit", "bit/s", "lat", "lon", "pH", "dB", "dBW", "Bspl", "count", "/", "%", "%RH", "%EL", "EL"),
    *("1/s", "1/min", "beat/min", "beats", "S/m"),
    *("B", "VA", "VAs", "var", "vars", "J/m", "kg/m3", "deg"),
)


class Secondary(NamedTuple):
    """value in `unit` = value × factor + offset."""

    unit: str
    factor: float
    offset: float = 0.0


SECONDARY: Final[dict[str, Secondary]] = {
    "ms": Secondary("s", 1e-3),
    "min": Secondary("s", 60),
    "h": Secondary("s", 3600),
    "MHz": Secondary("Hz", 1e6),
    "kW": Secondary("W", 1000),
    "kVA": Secondary("VA", 1000),
    "kvar": Secondary("var", 1000),
    "Ah": Secondary("C", 3600),
    "Wh": Secondary("J", 3600),
    "kWh": Secondary("J", 3.6e6),
    "varh": Secondary("vars", 3600),
    "kvarh": Secondary("vars", 3.6e6),
    "kVAh": Secondary("VAs", 3.6e6),
    "Wh/km": Secondary("J/m", 3.6),
    "KiB": Secondary("B", 1024),
    "GB": Secondary("B", 1e9),
    "Mbit/s": Secondary("bit/s", 1e6),
    "B/s": Secondary("bit/s", 8),
    "MB/s": Secondary("bit/s", 8e6),
    "mV": Secondary("V", 1e-3),
    "mA": Secondary("A", 1e-3),
    "dBm": Secondary("dBW", 1, -30),
    "ug/m3": Secondary("kg/m3", 1e-9),
    "mm/h": Secondary("m/s", 1 / 3.6e6),
    "m/h": Secondary("m/s", 1 / 3600),
    "ppm": Secondary("/", 1e-6),
    "/100": Secondary("/", 0.01),
    "/1000": Secondary("/", 0.001),
    "hPa": Secondary("Pa", 100),
    "mm": Secondary("m", 1e-3),
    "cm": Secondary("m", 1e-2),
    "km": Secondary("m", 1000),
    "km/h": Secondary("m/s", 1 / 3.6),
}

FIELD: Final[dict[str, Secondary]] = {
    "l/min": Secondary("m3/s", 1 / 60_000),
    "l/h": Secondary("m3/s", 1 / 3.6e6),
    "m3/h": Secondary("m3/s", 1 / 3600),
    "bar": Secondary("Pa", 1e5),
    "mbar": Secondary("Pa", 100),
    "MWh": Secondary("J", 3.6e9),
}

KNOWN: Final = frozenset((*PRIMARY, *SECONDARY, *FIELD))


class Shown(NamedTuple):
    """What stands beside a number that people read: shown value = value × factor."""

    name: str
    factor: float = 1.0


_SHOWN: Final[dict[str, Shown]] = {
    "Cel": Shown("°C"),
    "deg": Shown("°"),
    "Ohm": Shown("Ω"),
    "m2": Shown("m²"),
    "m3": Shown("m³"),
    "m3/s": Shown("l/min", 60_000),
    "m3/h": Shown("m³/h"),
    "l/s": Shown("l/min", 60),
    "m/s2": Shown("m/s²"),
    "W/m2": Shown("W/m²"),
    "cd/m2": Shown("cd/m²"),
    "kg/m3": Shown("kg/m³"),
    "ug/m3": Shown("µg/m³"),
    "%RH": Shown("%"),
    "%EL": Shown("%"),
    "/": Shown("%", 100),
    "%": Shown("%", 100),  # a ratio as well: RFC 8428 §12.1, note 2
    "/100": Shown("%"),
    "/1000": Shown("‰"),
    "count": Shown(""),
}

# What installers write, and the known unit with the factor that leads to it.
_MEANT: Final[dict[str, Secondary]] = {
    "°c": Secondary("Cel", 1),
    "degc": Secondary("Cel", 1),
    "celsius": Secondary("Cel", 1),
    "°": Secondary("deg", 1),
    "m³": Secondary("m3", 1),
    "m^3": Secondary("m3", 1),
    "m²": Secondary("m2", 1),
    "litre": Secondary("l", 1),
    "liter": Secondary("l", 1),
    "m³/h": Secondary("m3/h", 1),
    "kpa": Secondary("hPa", 10),
    "%hr": Secondary("%RH", 1),
    "%rh": Secondary("%RH", 1),
    "rh": Secondary("%RH", 1),
    "percent": Secondary("/100", 1),
    "pourcent": Secondary("/100", 1),
    "‰": Secondary("/1000", 1),
    "ω": Secondary("Ohm", 1),
    "lux": Secondary("lx", 1),
    "µg/m3": Secondary("ug/m3", 1),
    "μg/m3": Secondary("ug/m3", 1),
    "µg/m³": Secondary("ug/m3", 1),
    "μg/m³": Secondary("ug/m3", 1),
    "tr/min": Secondary("1/min", 1),
    "rpm": Secondary("1/min", 1),
}


def is_known(unit: str) -> bool:
    """Return whether this unit may stand on the wire; none at all may."""
    return not unit or unit in KNOWN


def shown(unit: str) -> Shown:
    """Return how people read a unit: its name on a screen and the factor for the number before it.

    >>> shown("Cel"), shown("m3/s"), shown("kWh")
    (Shown(name='°C', factor=1.0), Shown(name='l/min', factor=60000), Shown(name='kWh', factor=1.0))
    """
    return _SHOWN.get(unit, Shown(unit))


def meant(unit: str) -> Secondary | None:
    """Return the known unit that a misspelt one stands for, or None when nobody can tell.

    >>> meant("°C"), meant("KWH"), meant("furlong")
    (Secondary(unit='Cel', factor=1, offset=0.0), Secondary(unit='kWh', factor=1.0, offset=0.0), None)
    """
    word = unit.strip().replace(" ", "")
    if word in KNOWN:
        return Secondary(word, 1.0)
    for spelling in (word, word.lower()):
        if spelling in _MEANT:
            return _MEANT[spelling]
    # only a spelling that fits a single unit is a guess worth printing, and m is never taken for M: mWh is not MWh
    alike = [known for known in KNOWN if known.lower() == word.lower() and (word[0] in "mM") <= (word[0] == known[0])]
    return Secondary(alike[0], 1.0) if len(alike) == 1 else None
