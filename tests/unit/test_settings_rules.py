"""Faults between tables: references, wiring, limits, points, the place and the link.

In each case `new` stands for `old` in the good file, and ‸ before the character at which the fault must be placed.
"""

from __future__ import annotations

import pytest

from edge.settings.load import loads
from hal import drivers
from tests.unit.settings_good import GOOD, assert_fault

DOOR = 'id = "door"\nname = "Door"\nbus = "gpio"\ndriver = "contact"\npin = 27\nperiod_s = 90\n'
LAB = 'channel = "temperature"'
HOT = '[[limit]]\nid = "lab.hot"\npoint = "lab.t"\nkind = "high"\nvalue = 30\n'
HOST = 'host = "broker.example.org"'

COUNTED = f"{LAB}\n[bus.own]\nkind = 'box'\n[[point]]\nid = 'e'\nbus = 'own'\ndriver = 'box'\nmeasure = 'errors'\nof = "

REFERENCES = [
    (LAB, COUNTED + '‸"gpoi"', 'point "e".of = "gpoi"', 'no such bus; the nearest is "gpio" (line 7)'),
    ('id = "lab.t"', 'id = ‸"door"', 'point "door".id = "door"', "this id is already used (line 24)"),
    ('point = "lab.t"', 'point = ‸"lab"', 'limit "lab.hot".point = "lab"', 'the nearest is "lab.t" (line 32)'),
    (
        'point = "lab.t"',
        'point = ‸"xyz"',
        'limit "lab.hot".point = "xyz"',
        "no such point; there are: door, lab.t, lamp, water",
    ),
    ('limit = "lab.hot"', 'limit = ‸"hot"', 'output "lamp".limit = "hot"', 'the nearest is "lab.hot" (line 38)'),
    ('bus = "air"', 'bus = ‸"aire"', 'point "lab.t".bus = "aire"', 'no such bus; the nearest is "air" (line 10)'),
    ('bus = "air"', 'bus = ‸"gpio"', 'point "lab.t".bus = "gpio"', 'bus of kind i2c; "gpio" (line 7) is of kind gpio'),
    ('driver = "sht3x"', 'driver = ‸"sht31"', 'point "lab.t".driver = "sht31"', 'did you mean "sht3x"?'),
    (
        'driver = "sht3x"',
        'driver = ‸"xyz"',
        'point "lab.t".driver = "xyz"',
        f"no such driver; known: {drivers.names()[0]}",
    ),
    ('kind = "i2c"', 'kind = ‸"1wire"', 'bus.air.kind = "1wire"', 'did you mean "onewire"?'),
    (
        'bus = "gpio"\npin = 22',
        'bus = ‸"air"\npin = 22',
        'output "lamp".bus = "air"',
        "an output needs a bus of kind gpio",
    ),
]

WIRING = [
    (
        "pin = 27",
        "pin = ‸17",
        'point "door".pin = 17',
        'GPIO17 (header pin 11) is already used by "water.cold" (line 19)',
    ),
    ("pin = 22", "pin = ‸27", 'output "lamp".pin = 27', 'GPIO27 (header pin 13) is already used by "door" (line 28)'),
    ("number = 3", "number = 1\n‸[bus.b]\nkind = 'i2c'", "bus.b", 'bus "air" (line 10) already uses this device'),
    (
        "number = 3\n",
        "[bus.b]\nkind = 'i2c'\nnumber=‸0x1\n",
        "bus.b.number = 0x1",
        'bus "air" (line 10) already uses this',
    ),
    (
        "number = 3",
        'number = 1\n[[point]]\nid="p"\nbus="gpio"\ndriver="contact"\npin=‸2',
        'point "p".pin = 2',
        'GPIO2 (header pin 3) carries the bus "air" (line 10)',
    ),
    (
        "pin = 27",
        "pin = ‸15\n[bus.linky]\nkind = 'serial'\nport = '/dev/ttyAMA0'",
        'point "door".pin = 15',
        'GPIO15 (header pin 10) carries the bus "linky"',
    ),
    ("number = 3", "number = 1\npower_pin = ‸3", "bus.air.power_pin = 3", 'carries the bus "air" (line 10)'),
    (
        "number = 3",
        'number = 3\npower_pin = 5\n[[point]]\nid="p"\nbus="gpio"\ndriver="contact"\npin=‸5',
        'point "p".pin = 5',
        'GPIO5 (header pin 29) is already used by "air" (line 13)',
    ),
    (
        "number = 3",
        'number = 3\npower_pin = 5\n[bus.b]\nkind = "i2c"\nnumber = 4\npower_pin = ‸5',
        "bus.b.power_pin = 5",
        'GPIO5 (header pin 29) is already used by "air" (line 13)',
    ),
    (
        LAB,
        f'{LAB}\n‸[[point]]\nid="p"\nbus="air"\ndriver="sht3x"\naddress=0x44\nchannel="temperature"',
        'point "p"',
        '"lab.t" (line 31) already reads the same from 0x44',
    ),
    (
        f"[[point]]\n{DOOR}",
        '[[point]]\nid="door"\nbus="gpio"\ndriver="pulse"\npin=17\nchannel="flow"\nweight=‸0.01\nweight_unit="m3"\n',
        'point "door".weight = 0.01',
        'differs from "water.cold" (line 20), which shares its pin',
    ),
    (
        f"[[point]]\n{DOOR}",
        '[[point]]\nid="door"\nbus="gpio"\ndriver="pulse"\npin=‸17\nweight=0.001\nweight_unit="m3"\n',
        'point "door".pin = 17',
        'GPIO17 (header pin 11) is already used by "water.cold" (line 19)',
    ),
    (
        f"[[point]]\n{DOOR}",
        (
            '[[point]]\nid="door"\nbus="gpio"\ndriver="pulse"\npin=17\nchannel="flow"\nweight=0.001\nweight_unit="m3"\n'
            "max_per_s=‸2\n"
        ),
        'point "door".max_per_s = 2',
        'differs from "water.cold" (line 14), which shares its pin',
    ),
    (
        LAB,
        (
            f'{LAB}\n[[point]]\nid="a"\nbus="air"\ndriver="scd4x"\nchannel="co2"\naltitude_m=100\n'
            '[[point]]\nid="b"\nbus="air"\ndriver="scd4x"\nchannel="temperature"\naltitude_m=‸1100'
        ),
        'point "b".altitude_m = 1100',
        'differs from "a" (line 41), which reads the same device (0x62): write it in one of them, or the same in both',
    ),
]

# T < half the shortest period: 3600 / (2 × pulses a unit × most units an hour)
DEBOUNCE = [
    (
        "weight = 0.001",  # 1 l a pulse and 3 m3/h: 0.833 pulses a second
        "weight = 0.001\nmax_per_s = 0.8333\ndebounce_ms = ‸601",
        'point "water.cold".debounce_ms = 601',
        "a debounce of 601 ms can't pass the pulses of this meter: with max_per_s so high, 600 ms at most",
    ),
    (
        "weight = 0.001",  # S0 at its fastest passes the default of 20 ms, 30 a second do not
        "weight = 0.001\nmax_per_s = ‸30",
        'point "water.cold".max_per_s = 30',
        "a debounce of 20 ms can't pass the pulses of this meter: with max_per_s so high, 16.6 ms at most",
    ),
    ("weight = 0.001", "weight = 0.001\nmax_per_s = ‸0", 'point "water.cold".max_per_s = 0', "a number"),
    ("weight = 0.001", "weight = 0.001\nmax_per_s = ‸-1", 'point "water.cold".max_per_s = -1', "a number"),
]

PROBES = "".join(
    f'[[point]]\nid="p{n}"\nbus="w"\ndriver="ds18b20"\nprobe="28-00000000000{n:x}"\n' for n in range(1, 11)
)
LOAD = [
    (
        LAB,
        f"{LAB}\n‸[bus.w]\nkind = 'onewire'\n{PROBES}",
        "bus.w",
        "takes 1.1 s, more than their periods leave: write period_s = 2",
    ),
]

LIMITS = [
    ("value = 30", 'value = ‸"30"', 'limit "lab.hot".value = "30"', "a number is expected: the point has no words"),
    ('value = "closed"', 'value = ‸"close"', 'limit "door.open".value = "close"', 'did you mean "closed"?'),
    ('value = "closed"', 'value = ‸"x"', 'limit "door.open".value = "x"', "no such word; there are: open, closed"),
    (
        'value = "closed"',
        "value = ‸2",
        'limit "door.open".value = 2',
        "is expected (open, closed), or its number from 0 to 1",
    ),
    (
        'value = "closed"',
        "value = ‸0.5",
        'limit "door.open".value = 0.5',
        "a word of the point is expected (open, closed)",
    ),
    (
        'kind = "not_equal"\nvalue = "closed"',
        'kind = ‸"high"\nvalue = 1',
        'limit "door.open".kind = "high"',
        'the point is a state: write kind = "equal" or "not_equal"',
    ),
    (
        'kind = "high"\nvalue = 30',
        'kind = "fault"\n‸value = 30',
        'limit "lab.hot".value',
        'no meaning with kind = "fault"',
    ),
    ('kind = "not_equal"', 'kind = "not_equal"\n‸deadband = 1', 'limit "door.open".deadband', "no meaning with kind"),
    (
        f"{LAB}\n\n{HOT}",
        f"{LAB}\nmax = 25\n\n{HOT}".replace("= 30", "= ‸30"),
        'limit "lab.hot".value = 30',
        "can never be exceeded: readings above max = 25 (line 36) are bad, not high",
    ),
    (
        f"{LAB}\n\n{HOT}",
        f"{LAB}\nmin = -5\n\n{HOT}".replace("= 30", "= ‸-5").replace("high", "low"),
        'limit "lab.hot".value = -5',
        "can never be exceeded: readings below min = -5 (line 36) are bad, not low",
    ),
]

POINTS = [
    (LAB, f'{LAB}\nunit = ‸"°C"', 'point "lab.t".unit = "°C"', 'write "Cel"'),
    (LAB, f'{LAB}\nunit = ‸"C"', 'point "lab.t".unit = "C"', 'write "Cel"'),
    (LAB, f'{LAB}\nunit = ‸"kPa"', 'point "lab.t".unit = "kPa"', 'unknown unit; write "hPa" and multiply scale by 10'),
    (LAB, f'{LAB}\nunit = ‸"furlong"', 'point "lab.t".unit = "furlong"', "unknown unit; SenML names such as Cel"),
    (LAB, f"{LAB}\nmin = 5\nmax = ‸5", 'point "lab.t".max = 5', "must be above min = 5 (line 36)"),
    (LAB, f'{LAB}\n‸words = ["a", "b"]', 'point "lab.t".words', "only a state has words"),
    ("period_s = 90", "period_s = ‸7", 'point "door".period_s = 7', "record_s, where not written, is 60"),
    ("period_s = 90", "period_s = 2\nrecord_s = ‸5", 'point "door".record_s = 5', "period_s is 2; write a multiple"),
    ("period_s = 90", "period_s = 10\nrecord_s = ‸5", 'point "door".record_s = 5', "period_s is 10"),
    ("period_s = 90", "stale_s = ‸0.5", 'point "door".stale_s = 0.5', "shorter than period_s (1)"),
    ("period_s = 90", '‸words = ["ouverte"]', 'point "door".words', "a state needs at least two words"),
    ("period_s = 90", '‸words = ["a", "a"]', 'point "door".words', "each different and not empty"),
    (LAB, f"{LAB}\nscale = ‸0.0", 'point "lab.t".scale = 0.0', "every reading would be 0"),
    ('weight_unit = "m3"', 'weight_unit = "m3"\nscale = ‸-1', 'point "water.cold".scale = -1', "a counter only grows"),
    ('weight_unit = "m3"', 'weight_unit = "m3"\n‸offset = 5', 'point "water.cold".offset', "of kind counter"),
    ('weight_unit = "m3"', 'weight_unit = "m3"\n‸max = 5', 'point "water.cold".max', "of kind counter"),
    ("period_s = 90", "‸scale = 2", 'point "door".scale', "of kind state: leave it out"),
    ("period_s = 90", 'words = ["a", ‸1]', 'point "door".words[1] = 1', "a text in quotes is expected"),
]

PLACE_AND_LINK = [
    (
        'name = "Gymnase Sud"',
        'name = "x"\ntz = ‸"Europe/Pari"',
        'site.tz = "Europe/Pari"',
        'did you mean "Europe/Paris"?',
    ),
    ('name = "Gymnase Sud"', 'name = "x"\ntz = ‸"Paris"', 'site.tz = "Paris"', 'did you mean "Europe/Paris"?'),
    ('name = "Gymnase Sud"', 'name = "x"\ntz = ‸"../passwd"', 'site.tz = "../passwd"', "unknown time zone"),
    ('name = "Gymnase Sud"', 'name = "x"\ntz = ‸"Europe"', 'site.tz = "Europe"', "unknown time zone"),
    ('name = "Gymnase Sud"', 'name = "x"\ntz = ‸""', 'site.tz = ""', "unknown time zone"),
    (HOST, 'host = ‸"http://b.example.org"', 'link.mqtt.host = "http://b.example.org"', "is expected, without http://"),
    (HOST, 'host = ‸"mqtts://b"', 'link.mqtt.host = "mqtts://b"', "a host name is expected, without mqtts://"),
    (HOST, 'host = ‸"b.org:1884"', 'link.mqtt.host = "b.org:1884"', 'host = "b.org" and port = 1884'),
    (HOST, 'host = ‸"a b"', 'link.mqtt.host = "a b"', "a host name or address is expected"),
    (HOST, f'{HOST}\n‸ca_file = "/x.pem"', "link.mqtt.ca_file", "used only with tls = true"),
    (HOST, f'{HOST}\ntls = true\n‸cert_file = "/x"', "link.mqtt.cert_file", "needs key_file as well"),
    ('kind = "gpio"', "kind = ‸{ a = 1 }", "bus.gpio.kind", "no such kind of bus"),
    (HOST, f"{HOST}\nport = ‸70000", "link.mqtt.port = 70000", "a whole number from 1 to 65535"),
]


@pytest.mark.parametrize(
    ("old", "new", "head", "message"), [*REFERENCES, *WIRING, *DEBOUNCE, *LOAD, *LIMITS, *POINTS, *PLACE_AND_LINK]
)
def test_a_fault_is_named_with_place_key_and_cure(old: str, new: str, head: str, message: str) -> None:
    assert_fault(old, new, head, message)


def test_an_s0_meter_at_its_fastest_passes_the_usual_debounce() -> None:
    changed = GOOD.replace("weight = 0.001", "weight = 0.001\nmax_per_s = 16.7")
    assert loads(changed).points[0].options.max_per_s == 16.7


def loops(rate_per_s: int) -> str:
    """Return a bus with 16 loops of 4-20 mA on four chips, each read ten times a second."""
    points = [
        f'[[point]]\nid = "l{chip}{n}"\nbus = "ma"\ndriver = "ads1115"\naddress = {0x48 + chip}\ninput = "AIN{n}"\n'
        f"shunt_ohm = 150\nrate_per_s = {rate_per_s}\nperiod_s = 0.1\n"
        for chip in range(4)
        for n in range(4)
    ]
    return "\n".join([f'{LAB}\n‸[bus.ma]\nkind = "i2c"\n', *points])


def test_sixteen_loops_ten_times_a_second_are_refused_at_a_rate_that_is_too_slow_for_them() -> None:
    assert_fault(LAB, loops(128), "bus.ma", "takes 0.17 s, more than their periods leave: write period_s = 0.2")


def test_sixteen_loops_ten_times_a_second_are_no_fault_at_860_a_second() -> None:
    assert len(loads(GOOD.replace(LAB, loops(860).replace("‸", ""))).points) == 19


def test_what_one_measurement_serves_counts_once() -> None:
    second = '[[point]]\nid = "h"\nbus = "air"\ndriver = "sht3x"\nchannel = "humidity"'
    fast = GOOD.replace(LAB, f"{LAB}\nperiod_s = 0.1\n{second}\nperiod_s = 0.1")
    assert len(loads(fast).points) == 4


@pytest.mark.parametrize("cure", ["period_s = 2", "resolution = 9"])
def test_probes_that_their_bus_can_read_in_time_are_no_fault(cure: str) -> None:
    probes = PROBES.replace("[[point]]", f"[[point]]\n{cure}")
    assert len(loads(GOOD.replace(LAB, f"{LAB}\n[bus.w]\nkind = 'onewire'\n{probes}")).points) == 13


def many(count: int, period: str, family: str = "28") -> str:
    """Return a site with so many probes on one line."""
    probes = "".join(
        f'[[point]]\nid="p{n}"\nbus="w"\ndriver="ds18b20"\nprobe="{family}-{n:012x}"\n{period}\n' for n in range(count)
    )
    return f"{LAB}\n‸[bus.w]\nkind = 'onewire'\n{probes}"


def test_thirty_probes_convert_together_and_may_be_read_each_two_seconds() -> None:
    assert len(loads(GOOD.replace(LAB, many(30, "period_s = 2").replace("‸", ""))).points) == 33


def test_probes_that_cannot_convert_together_are_counted_one_by_one() -> None:
    assert_fault(LAB, many(30, "period_s = 10", "42"), "bus.w", "takes 23.4 s, more than their periods leave")


def test_a_slower_tick_that_falls_on_a_faster_one_shares_its_conversion() -> None:
    points = many(2, "period_s = 1")
    mixed = points.replace("period_s = 1", "period_s = 2", 1)
    assert len(loads(GOOD.replace(LAB, mixed.replace("‸", ""))).points) == 5
    apart = points.replace("period_s = 1", "period_s = 1.5", 1)
    assert_fault(LAB, apart, "bus.w", "takes 0.81 s, more than their periods leave")


MASTERS = "[bus.w1]\nkind = 'onewire'\n{}\n[bus.w2]\nkind = 'onewire'\n{}\n"


@pytest.mark.parametrize("first", ["", "master = 'w1_bus_master1'"])
@pytest.mark.parametrize("second", ["", "master = ‸'w1_bus_master1'"])
def test_two_buses_with_the_probes_of_one_master_are_a_fault(first: str, second: str) -> None:
    if second:
        assert_fault(LAB, f"{LAB}\n{MASTERS.format(first, second)}", "bus.w2", "w1")
    else:
        with pytest.raises(Exception, match="w2"):
            loads(GOOD.replace(LAB, f"{LAB}\n{MASTERS.format(first, second)}"))


def test_each_master_may_be_a_bus_of_its_own() -> None:
    masters = MASTERS.format("master = 'w1_bus_master1'", "master = 'w1_bus_master2'")
    assert len(loads(GOOD.replace(LAB, f"{LAB}\n{masters}")).buses) >= 2


def test_the_first_i2c_adapter_of_a_machine_has_the_number_0() -> None:
    assert loads(GOOD.replace("number = 3", "number = 0")).buses["air"][1].number == 0
    assert_fault(
        "number = 3", "number = 0\n[bus.b]\nkind = 'i2c'\nnumber = ‸0", "bus.b.number = 0", 'bus "air" (line 10)'
    )
