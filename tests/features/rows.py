"""What a box does, a row each: the id by which tests and docs/features.md name it, and where its other half is tested.

D what a point is, C what is made of readings, T limits and alarms, ACT outputs and orders, ST machines, J journal and
reports, R settings from afar. A test of tests/features says in the first word of its docstring which row it shows.
"""

from __future__ import annotations

from typing import Final, NamedTuple

TEXTING: Final = "tests/features/test_texting.py"
CHANNEL: Final = "tests/features/test_sms_channel.py"
TRAFFIC: Final = "tests/features/test_sms_traffic.py"
PEOPLE: Final = "tests/features/test_sms_people.py"
PAGE: Final = "the page's half comes with the page"


class Row(NamedTuple):
    """One thing that the box does; `other` is the test of its half on a channel, or what has to come for it."""

    does: str
    other: str = ""


ROWS: Final[dict[str, Row]] = {
    "D1": Row("a duplicate id or an unknown unit is refused with its place, and the old settings go on"),
    "D2": Row("every value carries a unit of one list", "tests/contract/test_mqtt_reference.py"),
    "D3": Row("two points of a scale make an engineering unit, and the way back for what is written"),
    "D4": Row("a pulse weight and a dated coefficient: m³ become kWh, from its date on"),
    "D5": Row("an index rolls over, is exchanged or set, and nothing is counted twice or negative"),
    "D6": Row(
        "a probe that is pulled off has no value and says why, never 0 and never the last one",
        "tests/fault/test_bad_end_to_end.py",
    ),
    "D7": Row("records are stamped at their period's start, and a day has 23, 24 or 25 hours"),
    "D8": Row("what is beyond the possible range is refused and stays out of the mean"),
    "D9": Row("with a deadband a record is saved when it moved that far from the last saved one"),
    "D10": Row("a state goes out as its word and as its number", "tests/contract/test_mqtt_reference.py"),
    "D11": Row("place, equipment and site stand with every point", "tests/contract/test_mqtt_reference.py"),
    "D13": Row("free words of the site stand with a point"),
    "D14": Row("a tag is opened and closed around records and can be corrected later"),
    "C1": Row("a point is calculated from others, safely; without one of them it has no value"),
    "C2": Row("sums of hours, days, weeks, months and years lie in the site's calendar"),
    "C3": Row(
        "consumption of today, yesterday, the month and the year, also after a kill at midnight",
        f"`vigie meter`; {PAGE}",
    ),
    "C4": Row("costs to the cent: subscription, prices by tariff period, gains", f"`vigie tariff`; {PAGE}"),
    "C5": Row("a tariff counts from its date on", CHANNEL),
    "C7": Row("power from an index, energy from a power"),
    "C8": Row("the peak of the day, month and year, with its time"),
    "C11": Row("water that never stops running is told"),
    "T1": Row("a limit exceeded is an alarm within one period"),
    "T2": Row("below, at most, above, at least, equal"),
    "T3": Row("a deadband: one begin, one end"),
    "T4": Row("delays: what is shorter than they are is no alarm"),
    "T5": Row("two stages of one point are two events and one active level"),
    "T6": Row("a limit that is another point"),
    "T7": Row("a limit over several points"),
    "T8": Row("the consumption of a day over its limit is one alarm that day"),
    "T9": Row("an alarm says what it means: overheating, low temperature", f"{TEXTING}, {CHANNEL}"),
    "T10": Row("a point without a value, a silent one, lost mains or a full card is an alarm"),
    "T11": Row("an alarm makes its machine faulty, and its end alone does not restore it"),
    "T12": Row("an alarm is acknowledged by somebody, and not told again, also after a restart", f"{CHANNEL}; {PAGE}"),
    "T13": Row("a flood of alarms is told in a few words, and stands whole in the journal", f"{TEXTING}, {CHANNEL}"),
    "T14": Row("what a message needs: site, point, value, unit, limit, time", "mails are sent upstream"),
    "T15": Row("an alarm stands upstream while it is active, and is cleared", "tests/unit/test_mqtt_link.py"),
    "T16": Row(
        "alarms are decided on the box: with the line cut they come later with their own times",
        "tests/fault/test_mqtt_outages.py",
    ),
    "T17": Row("an alarm switches an output or sets a value"),
    "T18": Row("in maintenance alarms are journaled and not told", CHANNEL),
    "ACT1": Row("a relay is switched, read back and journaled with author and channel", f"{CHANNEL}; {PAGE}"),
    "ACT2": Row(
        "safe states at a start, a stop and without a link; shortest and longest times; no chatter",
        "tests/fault/test_outputs.py",
    ),
    "ACT3": Row("weekly programs switch at the local minute, across clock changes and restarts"),
    "ACT4": Row("a thermostat switches no oftener than its deadband asks for"),
    "ACT5": Row("setpoints and virtual switches are written from any channel and persist", CHANNEL),
    "ACT6": Row("a scenario unrolls from programs and rules"),
    "ACT7": Row("an order has one answer; repeated, it is answered again and not done again"),
    "ACT8": Row("who may write what: refused orders are journaled, and a flood of them is bounded", CHANNEL),
    "ST1": Row("in service, faulty, maintenance: every change is journaled with its cause"),
    "ST2": Row("maintenance with author, reason, planned end, reminder and return by itself", f"{PEOPLE}, {CHANNEL}"),
    "ST3": Row("run hours and starts of a machine"),
    "ST5": Row("edited settings are taken while it runs, and only what changed restarts"),
    "J1": Row("start, alarm, acknowledgement, stop; an unclean stop is told with when it was last seen"),
    "J2": Row("the journal is bounded, the newest stay"),
    "J3": Row("a report: machines by state, active alarms, last incident", TRAFFIC),
    "J4": Row("yesterday's consumption and cost in one message", f"{TEXTING}, {TRAFFIC}"),
    "J5": Row("the journal goes upstream line by line", "tests/fault/test_journal.py"),
    "S3": Row("values by SMS: lost, doubled and reordered messages leave no difference"),
    "S4": Row("a manager's table of an hour, with its error flag, from what came by SMS"),
    "S5": Row("how often values are sent, within a budget of messages in which an alarm keeps its place"),
    "S6": Row("MQTT first; by SMS after it was silent for a while; then MQTT alone again, with what waited"),
    "S8": Row("a person asks by text, without an app, and has one answer"),
    "U1": Row("who may only read changes nothing", "tests/unit/test_sms_desk.py"),
    "U3": Row("numbers are listed with their rights, and one that is not gets silence and a journal line"),
    "R1": Row("limits and tariffs are changed from afar, answered, and go back", f"{PEOPLE}, {CHANNEL}"),
    "R3": Row(
        "a box that does not know the time is told it, and what was before gets its date",
        "tests/sim/test_clock.py; from the gateway: tests/unit/test_sms_sync.py",
    ),
    "R7": Row("one definition makes twelve apartments"),
    "I1": Row(
        "one command installs on a machine that runs already, with nothing fetched but Debian's own",
        "tests/unit/test_deb.py, tests/unit/test_deb_scripts.py; with a real dpkg: tests/image/test_deb.py",
    ),
    "I3": Row("a test text and a test alarm go all the way, and the journal says what became of them"),
    "I2": Row(
        "a commissioning test names each fault of the modem, with what to do about it", "tests/unit/test_doctor.py"
    ),
    "I4": Row(
        "an update that is not well leaves the version before, its data and indexes; which one runs is said",
        "tests/unit/test_update.py, tests/image/test_bundle.py",
    ),
    "I5": Row(
        "one file on the card's first partition gives a box its id; without it the box runs and publishes nothing"
    ),
    "I6": Row(
        "what to buy, to wire and to look at stands in the installer's language, with drawings, and is carried out",
        "tests/unit/test_installer_pages.py, tests/unit/test_drawings.py",
    ),
    "W3": Row("lost mains are told at any hour, as what they are"),
    "W5": Row("the signal and the messages that are left stand on the box, and a modem that fails is woken or told"),
}
