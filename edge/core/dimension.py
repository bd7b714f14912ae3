"""The algebra of units: what each unit of the table measures, and what comes of adding, multiplying and dividing them.

A dimension is the powers of the seven base units of the SI (and of the bit), as in the SI brochure, 9th edition, §2.3.
What surprises: watts and volt-amperes have the same powers and must not be added, so some dimensions have a `sort` as
well. A product without one, such as V × A, fits any sort.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge.core.units import FIELD, PRIMARY, SECONDARY

BASE: Final = ("kg", "m", "s", "A", "K", "mol", "cd", "bit")
OPEN: Final = frozenset({"active", "apparent", "reactive", "count"})  # a figure without a sort may be one of these
NO_POWERS: Final = (0,) * len(BASE)


class Dimension(NamedTuple):
    """What is measured: powers of BASE, and a sort where several quantities share them."""

    powers: tuple[int, ...] = NO_POWERS
    sort: str = ""

    def fits(self, other: Dimension) -> bool:
        """Return whether both are the same quantity, as far as each says."""
        if self.powers != other.powers:
            return False
        return self.sort == other.sort or (not (self.sort and other.sort) and self.sort + other.sort in OPEN)


class Scaled(NamedTuple):
    """A unit as a dimension and a factor: value in coherent SI units = value × factor (+ offset)."""

    dimension: Dimension
    factor: float = 1.0
    offset: float = 0.0


def _powers(text: str) -> tuple[int, ...]:
    """Return the powers of a text such as "kg m2 s-3"."""
    found = dict.fromkeys(BASE, 0)
    for part in text.split():
        symbol = part.rstrip("-0123456789")
        found[symbol] = int(part[len(symbol) :] or 1)
    return tuple(found.values())


POWER: Final = _powers("kg m2 s-3")
ENERGY: Final = _powers("kg m2 s-2")
PER_SECOND: Final = _powers("s-1")
PER_METRE: Final = _powers("kg m s-2")
PER_AREA: Final = _powers("kg s-3")

# unit: base units, factor, sort
_PRIMARY: Final[dict[str, tuple[str, float, str]]] = {
    **{base: (base, 1, "") for base in BASE},
    "g": ("kg", 1e-3, ""), "Hz": ("s-1", 1, ""), "rad": ("", 1, "angle"), "sr": ("", 1, "solid angle"),
    "N": ("kg m s-2", 1, ""), "Pa": ("kg m-1 s-2", 1, ""), "J": ("kg m2 s-2", 1, "active"),
    "W": ("kg m2 s-3", 1, "active"), "C": ("s A", 1, ""), "V": ("kg m2 s-3 A-1", 1, ""),
    "F": ("kg-1 m-2 s4 A2", 1, ""), "Ohm": ("kg m2 s-3 A-2", 1, ""), "S": ("kg-1 m-2 s3 A2", 1, ""),
    "Wb": ("kg m2 s-2 A-1", 1, ""), "T": ("kg s-2 A-1", 1, ""), "H": ("kg m2 s-2 A-2", 1, ""), "Cel": ("K", 1, ""),
    "lm": ("cd", 1, "flux"), "lx": ("cd m-2", 1, "illuminance"), "Bq": ("s-1", 1, "activity"),
    "Gy": ("m2 s-2", 1, "dose"), "Sv": ("m2 s-2", 1, "dose equivalent"), "kat": ("mol s-1", 1, ""),
    "m2": ("m2", 1, ""), "m3": ("m3", 1, ""), "l": ("m3", 1e-3, ""), "m/s": ("m s-1", 1, ""), "m/s2": ("m s-2", 1, ""),
    "m3/s": ("m3 s-1", 1, ""), "l/s": ("m3 s-1", 1e-3, ""), "W/m2": ("kg s-3", 1, "active"), "cd/m2": ("cd m-2", 1, ""),
    "bit/s": ("bit s-1", 1, ""), "lat": ("", 1, "latitude"), "lon": ("", 1, "longitude"), "pH": ("", 1, "pH"),
    "dB": ("", 1, "dB"), "dBW": ("", 1, "dBW"), "Bspl": ("", 1, "Bspl"), "count": ("", 1, "count"), "/": ("", 1, ""),
    "%": ("", 1, ""), "%RH": ("", 0.01, "humidity"), "%EL": ("", 0.01, "charge"), "EL": ("s", 1, "charge"),
    "1/s": ("s-1", 1, ""), "1/min": ("s-1", 1 / 60, ""), "beat/min": ("s-1", 1 / 60, "beats"),
    "beats": ("", 1, "beats"), "S/m": ("kg-1 m-3 s3 A2", 1, ""), "B": ("bit", 8, ""),
    "VA": ("kg m2 s-3", 1, "apparent"), "VAs": ("kg m2 s-2", 1, "apparent"), "var": ("kg m2 s-3", 1, "reactive"),
    "vars": ("kg m2 s-2", 1, "reactive"), "J/m": ("kg m s-2", 1, "active"), "kg/m3": ("kg m-3", 1, ""),
    "deg": ("", 0.017453292519943295, "angle"),
}  # fmt: skip
_HOMES: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "active": (POWER, ENERGY, PER_METRE, PER_AREA), "apparent": (POWER, ENERGY), "reactive": (POWER, ENERGY),
    "count": (NO_POWERS, PER_SECOND), "beats": (NO_POWERS, PER_SECOND), "charge": (NO_POWERS,),
    "angle": (NO_POWERS, PER_SECOND), "humidity": (NO_POWERS,),
}  # fmt: skip
"""The powers at which a sort still means something in a product or quotient: VA × h is apparent, VA / V is not."""

_OFFSETS: Final = {"Cel": 273.15}


def _table() -> dict[str, Scaled]:
    found = {}
    for unit in PRIMARY:
        text, factor, sort = _PRIMARY[unit]
        found[unit] = Scaled(Dimension(_powers(text), sort), factor, _OFFSETS.get(unit, 0.0))
    for unit, to in {**SECONDARY, **FIELD}.items():
        base = found[to.unit]
        found[unit] = Scaled(base.dimension, to.factor * base.factor, to.offset * base.factor)
    return found


def rounded(value: float, digits: int = 12) -> float:
    """Return a float without the digits that binary fractions add: 235000.00000000003 is 235000."""
    return float(f"{value:.{digits}g}")


UNITS: Final = _table()
"""Every unit of the table: what it measures and its factor to coherent SI units."""

_AGREED: Final = {POWER: "VA", ENERGY: "VAs"}  # what a product without a sort is called


def convert(value: float, unit: str, to: str) -> float:
    """Return a value in another unit of the same dimension. Raises ValueError when there is no way.

    >>> convert(21.5, "kWh", "J"), convert(20, "Cel", "K"), convert(2.35, "bar", "Pa"), convert(1, "m3/h", "l/min")
    (77400000.0, 293.15, 235000.0, 16.6666666667)
    """
    if unit == to:
        return value
    of, wanted = UNITS.get(unit), UNITS.get(to)
    if of is None or wanted is None or of.dimension != wanted.dimension:
        raise ValueError(f"{unit or 'a number'} can't be told in {to or 'a number'}")
    return rounded((value * of.factor + of.offset - wanted.offset) / wanted.factor)


def multiplied(one: Dimension, other: Dimension, sign: int = 1) -> Dimension:
    """Return the dimension of a product, with sign -1 of a quotient.

    >>> multiplied(UNITS["kWh"].dimension, UNITS["h"].dimension, -1) == UNITS["kW"].dimension
    True
    """
    powers = tuple(a + sign * b for a, b in zip(one.powers, other.powers, strict=True))
    sorts = {sort for sort in (one.sort, other.sort) if sort}
    sort = next(iter(sorts)) if len(sorts) == 1 else ""
    return Dimension(powers, sort if powers in _HOMES.get(sort, ()) else "")


def raised(one: Dimension, exponent: int) -> Dimension:
    """Return the dimension of a whole power."""
    return one if exponent == 1 else Dimension(tuple(power * exponent for power in one.powers))


def root(one: Dimension) -> Dimension | None:
    """Return the dimension of a square root, None where it has none."""
    if any(power % 2 for power in one.powers):
        return None
    return Dimension(tuple(power // 2 for power in one.powers))


def named(dimension: Dimension, factor: float, preferred: tuple[str, ...] = ()) -> str | None:
    """Return the unit of the table that is exactly this, one of the preferred if any; None where there is none."""
    agreed = _AGREED.get(dimension.powers, "") if not dimension.sort else ""
    for unit in (*preferred, *([agreed] if agreed else []), *UNITS):
        known = UNITS.get(unit)
        if known and not known.offset and known.dimension.fits(dimension) and is_same(known.factor, factor):
            return unit
    return None


def fitting(dimension: Dimension) -> list[str]:
    """Return all units of the table for a dimension, in the table's order."""
    return [unit for unit, known in UNITS.items() if known.dimension.fits(dimension) and not known.offset]


def is_same(one: float, other: float) -> bool:
    """Return whether two factors are the same but for rounding."""
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def spelt(dimension: Dimension) -> str:
    """Return a dimension in base units.

    >>> spelt(UNITS["W/m2"].dimension), spelt(multiplied(UNITS["m3/s"].dimension, UNITS["K"].dimension))
    ('kg/s3', 'm3·K/s')
    """
    pairs = list(zip(BASE, dimension.powers, strict=True))
    up = [f"{name}{power if power > 1 else ''}" for name, power in pairs if power > 0]
    down = [f"{name}{-power if power < -1 else ''}" for name, power in pairs if power < 0]
    return "/".join(["·".join(up) or "1", *down])
