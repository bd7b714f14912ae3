"""What a simulated month of SMS came to: how many, what for, what they cost, and whether anything was lost."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from edge.links.sms_columns import columns_of, starts_of
from edge.sim.gsm import Gsm
from edge.sim.simulation import BEGIN, Simulation


class Bill(msgspec.Struct, frozen=True):
    """Messages of the whole run; `per_day` holds what the box sent, day by day on the site's calendar."""

    out: dict[str, int]
    """By purpose: alarm, answer, machine, life, daily, report, backlog; those sent again among them."""
    again: int
    came: dict[str, int]
    """ack: acknowledgements; nack: those that asked for something again; other: the pairing."""
    price: float | None
    """Of one message; None: nobody said."""
    currency: str
    per_month: int
    months: dict[str, int]
    """Sent and come, by calendar month."""
    per_day: dict[str, int]
    lost_in_air: int
    values: int
    """That the gateway has."""
    lost: int
    """Values of history that neither the gateway has nor the box still means to send."""

    @property
    def sent(self) -> int:
        """Return how many the box sent."""
        return sum(self.out.values())

    @property
    def received(self) -> int:
        """Return how many came to it."""
        return sum(self.came.values())

    @property
    def worst(self) -> tuple[int, int]:
        """Return the day of the run, from 1, on which the most were sent, and how many."""
        days = list(self.per_day.values())
        return (days.index(max(days)) + 1, max(days)) if days else (0, 0)


def bill_of(simulation: Simulation, gsm: Gsm, price: float | None = None) -> Bill:
    """Return the figures of a run that has ended. What is still on its way arrives first."""
    account, gateway, sms = gsm.link.queue.account, gsm.gateway, gsm.settings
    out: dict[str, int] = {}
    for day in account.days.values():
        for purpose, count in day.out.items():
            out[purpose] = out.get(purpose, 0) + count
    months: dict[str, int] = {}
    for name, day in sorted(account.days.items()):
        months[name[:7]] = months.get(name[:7], 0) + day.sent + day.came
    lost_in_air, came = gsm.air.lost, sum(day.came for day in account.days.values())
    gateway_said = {"ack": gateway.acks, "nack": gateway.nacks}
    octets = [message.octets for message in gsm.mailbox.left if message.octets]
    values, lost = _compared(simulation, gsm)
    return Bill(
        out, len(octets) - len(set(octets)), gateway_said | {"other": max(0, came - sum(gateway_said.values()))},
        (sms.price or None) if price is None else price, sms.currency, sms.per_month, months,
        {name: day.sent for name, day in sorted(account.days.items())}, lost_in_air, values, lost,
    )  # fmt: skip


def _compared(simulation: Simulation, gsm: Gsm) -> tuple[int, int]:
    """Return how many values the gateway has, and how many of history it will never get."""
    sync, history = gsm.sync, simulation.history
    if sync is None or history is None:
        return 0, 0
    for octets in sync.held():
        gsm.gateway.take(octets, 0)
    found = gsm.gateway.values()
    if not found:  # the first report is still to come
        return 0, 0
    zone = ZoneInfo(simulation.settings.site.tz)
    lost = 0
    for schema in gsm.gateway.schemas.values():
        upto_ms = max(_ends(found)) * 1000
        starts = starts_of(BEGIN, upto_ms + schema.step_s * 1000, schema.step_s, zone)
        columns = columns_of(schema, history, starts, zone)
        for channel, column in zip(schema.channels, columns, strict=True):
            for start, value in zip(starts, column, strict=True):
                if value is not None and (channel.point, channel.what, start // 1000) not in found:
                    lost += 1
    return len(found), lost


def _ends(found: Iterable[tuple[str, str, int]]) -> Iterable[int]:
    return (t_s for _, _, t_s in found)
