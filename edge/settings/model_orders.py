"""The tables of what acts by itself or by order: [[setpoint]], [[program]], [[rule]]."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.settings.model import _Table
from edge.settings.patterns import ID_PATTERN

Id = Annotated[str, Meta(pattern=ID_PATTERN, extra={"expect": "id"})]
Name = Annotated[str | dict[str, str], Meta(description='people\'s name, or { en = "…", fr = "…" }')]


class Setpoint(_Table, frozen=True):
    """A value that people, servers, programs and rules write (docs/programs.md); with words a virtual switch."""

    id: Annotated[str, Meta(pattern=ID_PATTERN, description="also the id of its point", extra={"expect": "id"})]
    initial: Annotated[float | str, Meta(description="its value until somebody writes another")]
    unit: Annotated[str, Meta(description="SenML name")] = ""
    min: Annotated[float | None, Meta(description="the lowest value that is taken")] = None
    max: Annotated[float | None, Meta(description="the highest value that is taken")] = None
    step: Annotated[float, Meta(ge=0, description="only whole multiples are taken, counted from min; 0: any")] = 0.0
    words: Annotated[list[str] | None, Meta(description="a switch's word for 0, 1, …")] = None
    by_command: Annotated[bool, Meta(description="people and servers may write it (`vigie set`)")] = True
    name: Name = ""
    place: Annotated[str, Meta(description="where on the site")] = ""
    equipment: Annotated[str, Meta(description="the machine that it belongs to")] = ""


class Program(_Table, frozen=True):
    """Weekly slots in local time that switch an output or write a setpoint (docs/programs.md)."""

    id: Id
    target: Annotated[str, Meta(description="id of an output or a setpoint")]
    slots: Annotated[
        list[str], Meta(description='such as "mon-fri 06:30-08:00", "sat,sun 09:00-22:00 = 19.5", "ven 22:00-02:00+1"')
    ]
    to: Annotated[float | str | None, Meta(description='within the slots; an output\'s is "on" where absent')] = None
    outside: Annotated[
        float | str | None, Meta(description='the rest of the time; an output\'s is "off" where absent')
    ] = None
    exceptions: Annotated[
        list[str],
        Meta(description='days without these slots: "2026-12-25", "2026-12-19/2027-01-03", "05-01" (each year)'),
    ] = msgspec.field(default_factory=list)
    holidays: Annotated[
        Literal["", "fr"], Meta(description="fr: the public holidays of metropolitan France are exceptions too")
    ] = ""
    exception_slots: Annotated[list[str], Meta(description='slots of those days, without day names: "09:00-12:00"')] = (
        msgspec.field(default_factory=list)
    )
    enabled: Annotated[bool, Meta(description="until somebody switches it (`vigie set`)")] = True
    name: Name = ""


class Rule(_Table, frozen=True):
    """A thermostat, or what is done when an alarm begins and ends (docs/programs.md)."""

    id: Id
    kind: Annotated[Literal["thermostat", "alarm"], Meta(description="alarm: acts when an alarm begins or ends")]
    target: Annotated[str, Meta(description="id of the output (thermostat), of the output or setpoint (alarm)")]
    point: Annotated[str, Meta(description="thermostat: the point that is kept at the setpoint")] = ""
    setpoint: Annotated[
        float | str | None, Meta(description="thermostat: a number in the point's unit, or a setpoint's id")
    ] = None
    deadband: Annotated[float, Meta(gt=0, description="thermostat: from on to off, half of it on each side")] = 0.5
    action: Annotated[Literal["heat", "cool"], Meta(description="thermostat: on below, or above, the setpoint")] = (
        "heat"
    )
    fallback: Annotated[
        Literal["safe", "on", "off"], Meta(description="thermostat: while the point has no value; safe: the output's")
    ] = "safe"
    fallback_after_s: Annotated[
        float, Meta(ge=0, le=86400, description="thermostat: without a value for this long")
    ] = 30.0
    limit: Annotated[str, Meta(description="alarm: id of the limit")] = ""
    begin: Annotated[
        float | str | None, Meta(description="alarm: when it begins: on, off, pulse; or a setpoint's value")
    ] = None
    end: Annotated[
        float | str | None, Meta(description="alarm: when it ends: on, off, pulse, auto; or a setpoint's value")
    ] = None
    for_s: (
        Annotated[
            float,
            Meta(ge=0.1, le=31_622_400, description="alarm: the output is held for so long, not for the alarm's time"),
        ]
        | None
    ) = None
