"""PME/PMI meters: units inside the data, sums that begin again, an index for each tariff."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from edge.core import units
from edge.core.counter import Volatile
from hal.decode.teleinfo import labels, tables
from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import Group, parse, spaced_group
from hal.decode.teleinfo.plausible import Judge
from hal.decode.teleinfo.tally import NEAR_MS, Total
from hal.drivers.teleinfo import Teleinfo
from hal.drivers.teleinfo_meter import MeterView
from hal.drivers.teleinfo_options import SECOND_SET, TeleinfoOptions, channel
from hal.fake.meter_frames import Meter
from hal.sample import BAD, GOOD, UNCERTAIN, Sample
from tests.support import shared_data
from tests.unit.test_teleinfo_two_meters import Wire

SECOND_MS = 1000.0
FRAME_MS = 8 * SECOND_MS
CAP_VA = 63_000.0


class Site:
    """A meter's frames read as the driver reads them, without a port."""

    def __init__(self, **points: TeleinfoOptions) -> None:
        self.points = points
        self.view = MeterView(points)
        self.decoder = Decoder()
        self.t_ms = 0.0

    def hear(self, data: bytes, after_ms: float = FRAME_MS) -> dict[str, Sample]:
        """Take a frame that ends so long after the last one; return what the points say then."""
        self.listen(data, after_ms)
        return self.now()

    def listen(self, data: bytes, after_ms: float = FRAME_MS) -> None:
        """Take a frame that ends so long after the last one."""
        self.t_ms += after_ms
        for event in self.decoder.feed(data, self.t_ms):
            if isinstance(event, FrameEnd):
                self.view.frame(event)

    def now(self) -> dict[str, Sample]:
        """Return what the points say now."""
        t_ns = round(self.t_ms * 1e6)
        return {sample.point: sample for point in self.points for sample in self.view.samples(point, t_ns)}


def frame(*pairs: tuple[str, str]) -> bytes:
    """Return a frame of these groups, behind a meter's number."""
    groups = [spaced_group(*pair) for pair in (("ADS", "041876199277"), *pairs)]
    return b"\x02" + b"".join(b"\n" + group + b"\r" for group in groups) + b"\x03"


@pytest.mark.parametrize(
    ("raw", "label", "value", "unit"),
    [
        (b"EA_s 422Wh /", "EA_s", 422, "Wh"),
        (b"ER-_s 189varh )", "ER-_s", 189, "varh"),
        (b"EAPP_s 495VAh Y", "EAPP_s", 495, "VAh"),
        (b"EAP_s 9649kWh .", "EAP_s", 9649, "kWh"),
        (b"ER-P_s 7350kvarh Q", "ER-P_s", 7350, "kvarh"),
        (b"PS 42kVA K", "PS", 42, "kVA"),
        (b"PA1MN 6kW U", "PA1MN", 6, "kW"),
        (b"TGPHI_s -0,39 C", "TGPHI_s", -0.39, ""),
        (b"MESURES1 BT 4 SUP36 @", "MESURES1", "BT 4 SUP36", ""),
        (b"DATE 26/08/16 10:29:04 7", "DATE", "26/08/16 10:29:04", ""),
        (b"EAP_s2 9649kWh  ", "EAP_s2", 9649, "kWh"),
        (spaced_group("EAP_s", "999999999kWh"), "EAP_s", 999_999_999, "kWh"),
        (spaced_group("PS", "0kW"), "PS", 0, "kW"),
    ],
)
def test_the_value_and_unit_that_stand_in_the_data(raw: bytes, label: str, value: object, unit: str) -> None:
    group = parse(raw)
    assert isinstance(group, Group)
    assert (group.label, group.value, group.unit) == (label, value, unit)


@pytest.mark.parametrize(
    ("label", "data", "why"),
    [
        ("EA_s", "422", "value"),
        ("EA_s", "Wh", "value"),
        ("EA_s", "-4Wh", "value"),
        ("EA_s", "422kWh", "value"),
        ("EA_s", "4 2Wh", "value"),
        ("EA_s", "1000000000Wh", "value"),
        ("TGPHI_s", "-0.39", "value"),
        ("DATE", "32/13/16 10:29:04", "value"),
        ("PTCOUR1", "XYZ", "value"),
        ("PS", "42VA", "value"),
    ],
)
def test_data_that_no_meter_sends_are_rejected(label: str, data: str, why: str) -> None:
    assert parse(spaced_group(label, data)) == why


def test_every_label_has_a_unit_that_goes_upstream() -> None:
    for name in tables.PMEPMI:
        made = channel(TeleinfoOptions(label=name))
        assert made.unit in units.KNOWN or made.kind in {"text", "state"} or not made.unit, name


def test_the_trace_of_a_real_meter_comes_out_as_it_is() -> None:
    """Each figure of 23 frames, and what they add up to across the end of an integration period."""
    path = shared_data("traces", "tic_pmepmi_8s.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(rows) > 20
    names = ("DATE", "EA_s", "ER-_s", "EAPP_s", "EAP_s", "PA1MN")
    site = Site(energy=TeleinfoOptions(label="EA_s"), sent=TeleinfoOptions(label="EA_s", as_sent=True))
    decoder = Decoder()
    for row in rows:
        data = frame(("PTCOUR1", "HPE"), ("PS", "42kVA"), *((name, row[name]) for name in names))
        ends = [event for event in decoder.feed(data, 0.0) if isinstance(event, FrameEnd)]
        sent = {group.label: f"{group.value}{'' if group.label == 'DATE' else group.unit}" for group in ends[0].groups}
        assert {name: sent[name] for name in names} == {name: row[name] for name in names}
        last = site.hear(data, 1000 * float(row["t_s"]) - site.t_ms)
    shown = [int(row["EA_s"].removesuffix("Wh")) for row in rows]
    drop = next(n for n in range(1, len(shown)) if shown[n] < shown[n - 1])
    at_s = [float(row["t_s"]) for row in rows]
    before_w = 3600 * (shown[drop - 1] - shown[0]) / (at_s[drop - 1] - at_s[0])
    unseen_wh = before_w * (at_s[drop] - at_s[drop - 1]) / 3600 - shown[drop]
    # from the first confirmed value, the second frame's, to the last one, which is a frame late
    used_wh = shown[drop - 1] - shown[1] + unseen_wh + shown[-2]
    assert last["energy"].value == pytest.approx(used_wh, abs=6)
    assert last["sent"].value == shown[-2]


def test_a_sum_that_begins_again_goes_on_and_says_what_it_estimates() -> None:
    meter = Meter("pmepmi", subscribed_kva=42)
    meter.set_power(18_000.0)
    site = Site(energy=TeleinfoOptions(label="EA_s"))
    doubts = set()
    for _ in range(5):
        first = site.hear(meter.frame(site.t_ms))["energy"]
    for _ in range(300):  # 40 minutes: four periods end
        last = site.hear(meter.frame(site.t_ms))["energy"]
        doubts.add((last.quality, last.reason))
    used_wh = 18_000 * 0.96 * (last.t_ns - first.t_ns) / 3.6e12
    assert int(last.value or 0) - int(first.value or 0) == pytest.approx(used_wh, rel=0.002)
    assert (GOOD, "") in doubts
    assert (UNCERTAIN, "estimated") in doubts
    assert not {reason for quality, reason in doubts if quality == BAD}


def test_without_the_estimate_it_would_count_less_than_was_used() -> None:
    total, lower = Total(), 0
    value = before = 0
    for n in range(1, 1200):
        value = 0 if n % 75 == 0 else value + 38
        total.see(value, n * FRAME_MS, CAP_VA)
        lower += value - before if value >= before else value
        before = value
    used = 38 * 1198
    assert total.total == pytest.approx(used, rel=0.001)
    assert lower < 0.99 * used


@pytest.mark.parametrize(
    ("steps", "total", "doubt"),
    [
        ([], 0, ""),
        ([(0, 100)], 0, ""),
        ([(0, 100), (8, 100)], 0, ""),
        ([(0, 100), (8, 130), (8, 160)], 30, ""),
        ([(0, 531), (8, 2)], 2, "estimated"),
        ([(0, 500), (8, 518), (16, 2)], 36, "estimated"),
        ([(0, 100), (61, 130)], 30, "partial"),
        ([(0, 100), (61, 30)], 30, "partial"),
        ([(0, 100), (8, 9100), (16, 9118)], 18, "partial"),
        ([(0, 9100), (8, 900)], 0, "partial"),
    ],
)
def test_what_a_total_adds(steps: list[tuple[int, int]], total: int, doubt: str) -> None:
    counted = Total()
    for t_s, value in steps:
        counted.see(value, t_s * SECOND_MS, CAP_VA)
    assert counted.total == total
    assert counted.take_doubt() == doubt
    assert counted.take_doubt() == ""


def test_a_total_of_another_meter_goes_on_from_its_first_value() -> None:
    counted = Total()
    counted.see(100, 0.0, CAP_VA)
    counted.see(120, FRAME_MS, CAP_VA)
    counted.forget()
    counted.see(90, 2 * FRAME_MS, CAP_VA)
    assert (counted.total, counted.take_doubt()) == (20, "partial")
    assert NEAR_MS > FRAME_MS


def test_the_register_of_a_tariff_that_rests_stands_and_moves_when_its_tariff_runs() -> None:
    site = Site(
        peak=TeleinfoOptions(label="EAP_s", tariff="HPE"),
        off=TeleinfoOptions(label="EAP_s", tariff="HCE"),
        now=TeleinfoOptions(label="EAP_s"),
    )

    def hear(tariff: str, kwh: int) -> dict[str, Sample]:
        return site.hear(frame(("PTCOUR1", tariff), ("EAP_s", f"{kwh}kWh")))

    for _ in range(4):
        samples = hear("HPE", 9649)
    assert (samples["peak"].value, samples["peak"].quality) == (9649, GOOD)
    assert (samples["off"].value, samples["off"].reason) == (None, "not_sent"), "never seen yet"
    for _ in range(60):  # eight minutes of the other tariff
        samples = hear("HCE", 4100)
    assert (samples["peak"].value, samples["peak"].quality) == (9649, GOOD), "it stands still"
    assert samples["peak"].t_ns == round(site.t_ms * 1e6)
    assert samples["off"].value == samples["now"].value == 4100
    for _ in range(4):
        samples = hear("HPE", 9650)
    assert (samples["peak"].value, samples["off"].value) == (9650, 4100)
    site.t_ms += 60 * SECOND_MS
    assert {sample.reason for sample in site.now().values()} == {"no_frame"}, "a silent meter's rest neither"


def test_after_a_restart_a_resting_register_is_in_doubt_until_its_tariff_runs() -> None:
    first = Site(peak=TeleinfoOptions(label="EAP_s", tariff="HPE"))
    for _ in range(4):
        first.hear(frame(("PTCOUR1", "HPE"), ("EAP_s", "9649kWh")))
    again = Site(peak=TeleinfoOptions(label="EAP_s", tariff="HPE"))
    again.view.restore(first.view.judge.memory(), {})
    for _ in range(4):
        samples = again.hear(frame(("PTCOUR1", "HCE"), ("EAP_s", "4100kWh")))
    assert (samples["peak"].value, samples["peak"].reason) == (9649, "unconfirmed")
    for _ in range(4):
        samples = again.hear(frame(("PTCOUR1", "HPE"), ("EAP_s", "9655kWh")))
    assert (samples["peak"].value, samples["peak"].quality) == (9655, GOOD)


def test_the_second_set_of_measures_is_asked_for_by_an_option() -> None:
    site = Site(
        one=TeleinfoOptions(label="PTCOUR1"),
        two=TeleinfoOptions(label="PTCOUR1", measures=2),
        index=TeleinfoOptions(label="EAP_s", measures=2, tariff="HCE"),
    )
    for _ in range(3):
        samples = site.hear(
            frame(
                ("PTCOUR1", "HPE"),
                ("EAP_s", "9649kWh"),
                ("MESURES2", "BT 4 SUP36"),
                ("PTCOUR2", "HCE"),
                ("EAP_s2", "77kWh"),
            )
        )
    periods = labels.named("PTCOUR1")[0].words
    assert periods[int(samples["one"].value or 0)] == "HPE"
    assert periods[int(samples["two"].value or 0)] == "HCE"
    assert samples["index"].value == 77
    assert set(SECOND_SET.values()) - {"EAP_i2", "EAP-1_i2"} <= set(tables.PMEPMI)


def test_a_power_in_another_unit_than_the_settings_say_has_no_value() -> None:
    site = Site(kva=TeleinfoOptions(label="PS"), kw=TeleinfoOptions(label="PS", sent_unit="kW"))
    for _ in range(3):
        samples = site.hear(frame(("PS", "250kW")))
    assert (samples["kva"].value, samples["kva"].quality, samples["kva"].reason) == (None, BAD, "other_unit")
    assert (samples["kw"].value, samples["kw"].quality) == (250, GOOD)


def test_another_meter_is_said_and_its_sum_goes_on() -> None:
    judge, decoder = Judge(), Decoder()
    changes = []
    for n in range(16):
        meter = Meter("pmepmi", subscribed_kva=42, address="041876199277" if n < 8 else "041876199266")
        for event in decoder.feed(meter.frame(n * FRAME_MS), n * FRAME_MS):
            if isinstance(event, FrameEnd):
                changes += judge.frame(event)
    assert [(change.label, change.before, change.after) for change in changes] == [
        ("ADS", "041876199277", "041876199266")
    ]


def test_a_frame_without_the_meters_number_makes_no_value_before_one_was_seen() -> None:
    """An ICE meter has PA1MN in common with it."""
    site = Site(power=TeleinfoOptions(label="PA1MN"))
    groups = b"\x02\n" + spaced_group("PA1MN", "6kW") + b"\r\x03"
    for _ in range(5):
        samples = site.hear(groups)
    assert samples["power"].value is None
    assert site.hear(frame(("PA1MN", "7kW")))["power"].value == 7
    assert site.hear(groups)["power"].value == 6


def test_two_frames_that_damage_made_one_do_not_date_a_word_to_the_later_one() -> None:
    """The marks between them were hit, so that the end of one stands before the begin of the next."""
    site = Site(mean=TeleinfoOptions(label="PA1_s"))
    for _ in range(3):
        site.hear(frame(("PA1_s", "61kW"), ("DATEPA1", "20/11/26 19:30:00")))
    before_ns = site.now()["mean"].t_ns
    hit = b"\n" + b"\x7f" * 9 + b"\r"
    site.hear(
        b"\n" + spaced_group("PA1_s", "61kW") + b"\r" + hit * 6 + b"\n" + spaced_group("PTCOUR1", "HPE") + b"\r\x03"
    )
    shown = site.now()["mean"]
    assert (shown.value, shown.t_ns) == (61, before_ns), "true, and not of this frame for sure"
    for _ in range(3):
        shown = site.hear(frame(("PA1_s", "44kW")))["mean"]
    assert (shown.value, shown.quality) == (44, GOOD)


def test_what_was_summed_before_and_after_a_port_was_unplugged_all_counts() -> None:
    """A sum of 60 s that is larger after the plug than all before it would hide what went before."""
    meter, register, t_ms = Meter("pmepmi"), Volatile(1.0), 0.0
    meter.set_power(18_000.0)
    told: list[int] = []
    for frames in (16, 40):
        driver = Teleinfo("/dev/none", {"sum": TeleinfoOptions(label="EA_s")})
        wire = Wire()
        port: Any = wire
        driver._line = port
        for n in range(frames):
            t_ms += FRAME_MS
            wire.waiting += meter.frame(t_ms)
            due = ["sum"] if n == frames - 1 else []  # a point that is read each few minutes
            for sample in driver.read(due, round(t_ms * 1e6)):
                if sample.value is not None:
                    told.append(int(sample.value))
                    register.advance(int(sample.value))
    assert told[::2] == [0, 0]
    assert 0 < told[1] < told[3], "else nothing could be hidden"
    assert register.index == told[1] + told[3]


@pytest.mark.parametrize("va", [9_000.0, 18_000.0, 34_000.0])
def test_what_goes_beyond_the_subscribed_9_kva_is_counted_too(va: float) -> None:
    """No breaker ends it: the meter bills it."""
    site, meter = Site(sum=TeleinfoOptions(label="EA_s")), Meter("pmepmi")
    meter.set_power(va)
    for n in range(100):
        last = site.hear(meter.frame(n * FRAME_MS))["sum"]
    assert last.value == pytest.approx(va * 0.96 * 98 * FRAME_MS / 3.6e6, rel=0.03)
