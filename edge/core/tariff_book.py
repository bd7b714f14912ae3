"""All tariffs of a site, with their versions: those of the settings, and prices that were changed by an order since.

A change names prices and the day from which they hold; it stands on the version that holds by then. It begins at the
local midnight of its day and changes nothing before. Numbers of versions are never given twice: what was seen first
has the lower one, and a table that was edited in the settings is a new version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Final
from zlib import crc32

import msgspec
from msgspec import Meta

from edge.core.commands import Command, Result
from edge.core.moved_days import MovedDays
from edge.core.part import Part
from edge.core.tariff import Tariff, by_id, in_force
from edge.core.text import Text
from edge.core.types import Event

if TYPE_CHECKING:
    from edge.core.engine import Engine

REGISTER: Final = "tariffs"
COEFFICIENT: Final = "coefficient"
"""What the coefficient of a tariff is called in an order."""
PRICE_MOST: Final = Decimal(1_000_000)
DIGITS_MOST: Final = 9
CHANGES_MOST: Final = 400
YEARS_AHEAD: Final = 10


class TariffSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Change prices of a tariff from a day on. Prices are texts with a point, such as "0.2146"."""

    id: Annotated[str, Meta(max_length=48, description="id of the tariff")]
    valid_from: Annotated[str, Meta(max_length=10, description="the first local day, such as 2027-02-01")]
    prices: Annotated[
        dict[str, str], Meta(max_length=32, description="new amount by name: a price, a tax, subscription, coefficient")
    ]
    correct: Annotated[bool, Meta(description="allow a day that has begun: costs already shown change")] = False


class Change(msgspec.Struct, frozen=True):
    """Prices that were changed by an order, and the number of the version that they make."""

    id: str
    valid_from: date
    prices: dict[str, Decimal]
    version: int
    author: str = ""
    channel: str = ""


class TariffBook(Part):
    """The versions in force and to come; `saved` are the registers of the events' log."""

    def __init__(self, tariffs: Sequence[Tariff], saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        held = (saved or {}).get(REGISTER, {})
        self._known: dict[str, list[int]] = {name: list(seen) for name, seen in held.get("known", {}).items()}
        self._changes = [change for row in held.get("changes", []) if (change := _understood(row)) is not None]
        self._written = [self._numbered(tariff) for tariff in tariffs]
        self.versions: dict[str, list[Tariff]] = {}
        """By tariff, in the order in which they come into force."""
        self.revision = 0
        self._compose()

    def attach(self, site: Engine) -> None:
        """Take the site, and its orders."""
        self._site = site
        site.commands.on("tariff", self._set, would=self._would)

    def _numbered(self, tariff: Tariff) -> Tariff:
        """Return a version of the settings with its number: the place at which it was first seen."""
        digest = crc32(msgspec.json.encode(msgspec.structs.replace(tariff, name={}, version=0), order="sorted"))
        seen = self._known.setdefault(tariff.id, [])
        if digest not in seen:
            seen.append(digest)
            self.is_changed = True
        return msgspec.structs.replace(tariff, version=seen.index(digest) + 1)

    def _compose(self) -> None:
        """Put the changes upon what is written, in the order of their days."""
        versions = by_id(self._written)
        for change in sorted(self._changes, key=lambda change: (change.valid_from, change.version)):
            own = versions.get(change.id)
            base = None if own is None else in_force(own, change.valid_from)
            if own is not None and base is not None:
                own.append(changed(base, change))
                own.sort(key=lambda version: (version.valid_from, version.version))
        self.versions = versions
        self.revision += 1

    def local_day(self) -> date:
        """Return the local date of now."""
        return self._site.part(MovedDays).local_day()

    # -- the order

    def _set(self, command: Command, args: TariffSet) -> Result:
        change = self._checked(command, args)
        if isinstance(change, Text):
            return Result(command.id, done=False, text=change)
        base = self._base(change)
        values = self._told(base, change)
        before = f"v{base.version} {told(base, {name: _amounts(base)[name] for name in change.prices})}"
        values |= {"before": before, "after": f"v{change.version} {values['prices']}"}
        self._known[change.id].append(0)  # a table written later gets the next number
        self._changes.append(change)
        self._compose()
        self.is_changed = True
        who = {"author": command.author, "channel": command.channel}
        self._site.emit(Event("tariff_changed", self._site.now_ms, "", {**values, **who}))
        text = Text("tariff_corrected" if change.valid_from <= self.local_day() else "tariff_done", values)
        return Result(command.id, done=True, text=text, values=values)

    def _would(self, command: Command, args: TariffSet) -> Result:
        change = self._checked(command, args)
        if isinstance(change, Text):
            return Result(command.id, done=False, text=change)
        return Result(command.id, done=True, text=Text("tariff_would", self._told(self._base(change), change)))

    def _base(self, change: Change) -> Tariff:
        base = in_force(self.versions[change.id], change.valid_from)
        assert base is not None  # noqa: S101 - checked
        return base

    def _checked(self, command: Command, args: TariffSet) -> Change | Text:
        """Return what an order would change, or why it can't."""
        versions = self.versions.get(args.id)
        if versions is None:
            return _refused("unknown", id=args.id, known=sorted(self.versions))
        if not self._site.is_dated:
            return _refused("undated")
        begins = _begins(args, self.local_day())
        if isinstance(begins, Text):
            return begins
        base = in_force(versions, begins)
        if base is None:
            return _refused("no_base", id=args.id, given=begins.isoformat())
        prices = _checked_prices(base, args.prices)
        if isinstance(prices, Text):
            return prices
        if len(self._changes) >= CHANGES_MOST:
            return _refused("too_many", most=CHANGES_MOST)
        number = len(self._known[args.id]) + 1
        return Change(args.id, begins, prices, number, command.author, command.channel)

    def _told(self, base: Tariff, change: Change) -> dict[str, Any]:
        """Return what is said of a change; `until`: the version that holds on the day before."""
        before = in_force(self.versions[change.id], change.valid_from - timedelta(days=1))
        values: dict[str, Any] = {
            "id": change.id, "version": change.version, "valid_from": change.valid_from.isoformat(),
            "prices": told(base, change.prices),
        }  # fmt: skip
        return values if before is None else {**values, "until": before.version}

    # -- what is kept

    def registers(self) -> dict[str, Any]:
        """Return the changes, and which versions were ever seen."""
        return {REGISTER: {"known": self._known, "changes": msgspec.to_builtins(self._changes)}}

    def author_of(self, version: Tariff) -> str:
        """Return who made a version by an order; empty: it stands in the settings."""
        own = (change for change in self._changes if (change.id, change.version) == (version.id, version.version))
        return next((change.author or change.channel or "?" for change in own), "")


def _understood(row: Any) -> Change | None:
    """Return a change as it was kept, None for one of another form: what a newer version wrote stops no start."""
    try:
        return msgspec.convert(row, Change, strict=False)
    except msgspec.ValidationError:
        return None


def _refused(key: str, **values: Any) -> Text:
    return Text(f"tariff_{key}", values)


def told(tariff: Tariff, amounts: Mapping[str, Decimal]) -> str:
    """Return amounts of a tariff as one line: "HP 0.2146 HC 0.1696 EUR/kWh subscription 16.20 EUR"."""
    by_unit: dict[str, list[str]] = {}
    for name, amount in amounts.items():
        is_price = name in tariff.prices or name in tariff.taxes
        unit = f" {tariff.currency}/{tariff.unit}" if is_price else "" if name == COEFFICIENT else f" {tariff.currency}"
        by_unit.setdefault(unit, []).append(f"{name} {amount:f}")
    return " ".join(f"{' '.join(own)}{unit}" for unit, own in by_unit.items())


def _begins(args: TariffSet, today: date) -> date | Text:
    """Return from which day an order holds, or why it can't."""
    tomorrow = (today + timedelta(days=1)).isoformat()
    try:
        begins = date.fromisoformat(args.valid_from)
    except ValueError:
        return _refused("bad_date", given=args.valid_from, example=tomorrow)
    if begins.year > today.year + YEARS_AHEAD:
        return _refused("bad_date", given=args.valid_from, example=tomorrow)
    if begins <= today and not args.correct:
        return _refused("past", given=args.valid_from, least=tomorrow)
    return begins


def _checked_prices(base: Tariff, given: Mapping[str, str]) -> dict[str, Decimal] | Text:
    """Return the amounts of an order, or why one of them can't be."""
    known = price_names(base)
    if not given:
        return _refused("nothing", id=base.id, known=known)
    prices: dict[str, Decimal] = {}
    for name, text in given.items():
        price = price_of(text)
        if name not in known:
            return _refused("unknown_price", price=name[:48], id=base.id, known=known)
        if price is None or (name == COEFFICIENT and price <= 0):
            return _refused("bad_price", price=name, given=text[:24], most=f"{PRICE_MOST:f}")
        if price < 0 and not (base.is_production and name in base.prices):
            return _refused("negative", price=name, given=text)
        prices[name] = price
    return prices


def price_names(tariff: Tariff) -> list[str]:
    """Return what an order can change: prices, taxes, standing charges, the coefficient."""
    return [*_amounts(tariff)]


def price_of(text: str) -> Decimal | None:
    """Return a price as a person writes it with a point, or None: no number, endless, or out of all proportion.

    >>> price_of("0.2146"), price_of("0,2146"), price_of("NaN"), price_of("1e99")
    (Decimal('0.2146'), None, None, None)
    """
    try:
        price = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not price.is_finite() or "_" in text or "e" in text.lower() or abs(price) > PRICE_MOST:
        return None
    exponent = price.as_tuple().exponent
    return price if isinstance(exponent, int) and -exponent <= DIGITS_MOST else None


def changed(base: Tariff, change: Change) -> Tariff:
    """Return the version that a change makes of the one that it stands on."""
    prices = {name: change.prices.get(name, price) for name, price in base.prices.items()}
    taxes = {name: change.prices.get(name, price) for name, price in base.taxes.items()}
    standing = tuple(
        msgspec.structs.replace(charge, price=change.prices.get(charge.name, charge.price)) for charge in base.standing
    )
    return msgspec.structs.replace(
        base, valid_from=change.valid_from, prices=prices, taxes=taxes, standing=standing, version=change.version,
        coefficient=None if base.coefficient is None else change.prices.get(COEFFICIENT, base.coefficient),
    )  # fmt: skip


def _amounts(tariff: Tariff) -> dict[str, Decimal]:
    """Return all that an order can change, by name."""
    standing = {charge.name: charge.price for charge in tariff.standing}
    coefficient = {} if tariff.coefficient is None else {COEFFICIENT: tariff.coefficient}
    return {**tariff.prices, **tariff.taxes, **standing, **coefficient}
