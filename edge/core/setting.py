"""`set`: one order for all that people adjust: setpoints and switches, values of limits, programs on and off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from edge.core.commands import Command, Result, Right
from edge.core.entered import RefusedValueError, number, word
from edge.core.limit_values import LimitValues
from edge.core.measure import unit_of
from edge.core.part import Part
from edge.core.program import Programs
from edge.core.read_back import WORDS
from edge.core.registry import no_right
from edge.core.setpoint import Made, Setpoints
from edge.core.text import Text

if TYPE_CHECKING:
    from edge.core.engine import Engine

RIGHT: Final[dict[str, Right]] = {"setpoint": "operate", "limit": "configure", "program": "configure"}
"""What setting each kind of thing needs: a setpoint is there to be set, the others are how the site is made."""


class Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set a setpoint, a switch, the value of a limit, or a program on or off; or go back to the file's value."""

    target: Annotated[str, Meta(description="id of a setpoint, limit or program", max_length=64)]
    value: (
        Annotated[
            float | str, Meta(description="a number (82.5 or 82,5), its unit may follow; a word of a switch; on or off")
        ]
        | None
    ) = None
    default: Annotated[bool, Meta(description="the file's value again, in place of a value")] = False


class Change(msgspec.Struct, frozen=True):
    """A change that is allowed: what it is about, and how it is made."""

    kind: str
    before: float | str
    after: float | str
    unit: str
    make: Callable[[Made], None]
    value: float
    file: float | str
    is_default: bool


class Adjustments(Part):
    """Carries out `set`."""

    def attach(self, site: Engine) -> None:
        """Take the orders of this site."""
        self.site = site
        site.commands.on("set", self._set, would=self._would)

    def _would(self, command: Command, args: Set) -> Result:
        """Say what an order would change."""
        change = self._allowed(command, args)
        if isinstance(change, Result):
            return change
        return Result(command.id, done=True, text=_text("set_would", args.target, change))

    def _set(self, command: Command, args: Set) -> Result:
        """Carry out, or say what was wrong and what is allowed."""
        change = self._allowed(command, args)
        if isinstance(change, Result):
            return change
        site = self.site
        change.make(Made(change.value, site.boot, site.now_ms, command.author, command.channel))
        key = "set_default" if change.is_default else "set_changed" if change.after != change.file else "set_done"
        text = _text(key, args.target, change)
        return Result(command.id, done=True, text=text, values=text.values)

    def _allowed(self, command: Command, args: Set) -> Change | Result:
        """Return the change that an order asks for, or why it can't be."""
        try:
            found = self._change(command, args)
        except RefusedValueError as exc:
            values = {"target": args.target, **exc.text.values}
            return Result(command.id, done=False, text=Text(exc.text.key, values))
        if isinstance(found, str):
            return no_right(command, args.target, found)
        return found

    def _change(self, command: Command, args: Set) -> Change | str:
        """Return the change, or the right that the sender lacks. Raises RefusedValueError."""
        name, site = args.target, self.site
        change: Callable[[Set], Change]
        if name in site.part(Setpoints).specs:
            right, change = RIGHT["setpoint"], self._setpoint
        elif name in site.limits:
            right, change = RIGHT["limit"], self._limit
        elif name in site.part(Programs).specs:
            right, change = RIGHT["program"], self._program
        else:
            known = self.known()
            raise RefusedValueError("set_none", **({"known": known} if known else {}))
        if not command.may(right):
            return right
        if (args.value is None) is not args.default:
            raise RefusedValueError("set_no_value")
        return change(args)

    def known(self) -> list[str]:
        """Return the ids of all that can be set."""
        site = self.site
        return sorted([*site.part(Setpoints).specs, *site.part(LimitValues).settable(), *site.part(Programs).specs])

    def _setpoint(self, args: Set) -> Change:
        setpoints = self.site.part(Setpoints)
        name, spec = args.target, setpoints.specs[args.target]
        if not spec.by_command:
            raise RefusedValueError("set_not_by_command")
        value = spec.initial if args.value is None else spec.taken(args.value)

        def make(made: Made) -> None:
            setpoints.write(name, value, made.author, made.channel)

        return Change(
            "setpoint", setpoints.shown(name), setpoints.shown(name, value), spec.point.unit, make, value,
            setpoints.shown(name, value), args.default,
        )  # fmt: skip

    def _limit(self, args: Set) -> Change:
        values = self.site.part(LimitValues)
        name = args.target
        spec = values.settable().get(name)
        if spec is None:
            raise RefusedValueError("set_limit_without", kind=self.site.limits[name].spec.kind)
        unit = unit_of(spec, self.site.points[spec.point].spec.unit)
        value = values.file[name] if args.value is None else number(args.value, unit)
        values.check(name, value)

        def make(made: Made) -> None:
            values.set(name, None if args.default else made)

        return Change("limit", spec.value, value, unit, make, value, values.file[name], args.default)

    def _program(self, args: Set) -> Change:
        programs = self.site.part(Programs)
        name = args.target
        file = programs.specs[name].enabled
        value = file if args.value is None else bool(word(args.value, WORDS))
        before = WORDS[programs.is_enabled(name)]

        def make(made: Made) -> None:
            programs.enable(name, None if args.default else made)

        return Change("program", before, WORDS[value], "", make, float(value), WORDS[file], args.default)


def _text(key: str, target: str, change: Change) -> Text:
    """Return what is told of a change; words of switches are told in the reader's language."""
    told: dict[str, Any] = {
        "target": target, "kind": change.kind, "before": change.before, "after": change.after, "file": change.file,
    }  # fmt: skip
    if change.unit:
        told["u"] = change.unit
    return Text(f"{key}_word" if isinstance(change.after, str) else key, told)
