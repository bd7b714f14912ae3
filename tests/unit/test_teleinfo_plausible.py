"""What is believed of a meter: confirmed by the next frame, replaced by three, power against current and voltage."""

from __future__ import annotations

import msgspec
import pytest

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import spaced_group, tabbed_group
from hal.decode.teleinfo.memory import Memory
from hal.decode.teleinfo.plausible import Change, Judge
from hal.fake.meter_frames import Meter, Mode

DATA = {"ADCO": "041876199277", "OPTARIF": "HC..", "ISOUSC": "45", "HCHC": "001000000", "HCHP": "002000000"}
MORE = {"PTEC": "HP..", "IINST": "004", "IMAX": "090", "PAPP": "00920", "HHPHC": "A"}


class Bench:
    """A judge that is fed frames of chosen groups, one each 1.4 s."""

    def __init__(self, memory: Memory | None = None, step_ms: float = 1400.0) -> None:
        self.judge = Judge(memory)
        self.decoder = Decoder()
        self.t_ms = 0.0
        self.step_ms = step_ms

    def wire(self, groups: list[bytes]) -> list[Change]:
        self.t_ms += self.step_ms
        data = b"\x02" + b"".join(b"\n" + raw + b"\r" for raw in groups) + b"\x03"
        changes: list[Change] = []
        for event in self.decoder.feed(data, self.t_ms):
            if isinstance(event, FrameEnd):
                changes += self.judge.frame(event)
        return changes

    def frame(self, **other: str) -> list[Change]:
        return self.wire([spaced_group(label, data) for label, data in (DATA | MORE | other).items()])

    def value(self, label: str) -> object:
        shown = self.judge.shown(label)
        return None if shown is None else shown.group.value

    def doubt(self, label: str) -> str | None:
        shown = self.judge.shown(label)
        return None if shown is None else shown.doubt


@pytest.mark.parametrize("label", ["ADCO", "OPTARIF", "ISOUSC", "HCHP", "PTEC", "HHPHC"])
def test_nothing_that_stays_is_good_in_the_first_frame_and_all_is_in_the_second(label: str) -> None:
    bench = Bench()
    assert bench.doubt(label) is None
    bench.frame()
    assert bench.doubt(label) == "unconfirmed"
    bench.frame()
    assert bench.doubt(label) == ""


def test_an_index_becomes_good_as_the_value_of_the_frame_before() -> None:
    bench = Bench()
    bench.frame(HCHP="002000000")
    bench.frame(HCHP="002000001")
    shown = bench.judge.shown("HCHP")
    assert shown is not None
    assert (shown.group.value, shown.t_ms, shown.doubt) == (2_000_000, 1400.0, "")


@pytest.mark.parametrize(
    "wrong",
    ["002000900", "002009000", "000002000", "200000000", "001999991", "002000009", "999999999", "000000000"],
    ids=lambda text: f"as {text}",
)
def test_a_wrong_index_is_never_shown_and_the_next_right_one_is(wrong: str) -> None:
    bench = Bench()
    for _ in range(3):
        bench.frame()
    assert bench.frame(HCHP=wrong) == []
    assert (bench.value("HCHP"), bench.doubt("HCHP")) == (2_000_000, "")
    for _ in range(3):
        bench.frame(HCHP="002000001")
        assert bench.value("HCHP") in (2_000_000, 2_000_001)
        assert bench.doubt("HCHP") == ""
    assert bench.value("HCHP") == 2_000_001


def test_a_wrong_index_twice_running_is_not_believed_either() -> None:
    bench = Bench()
    for wrong in ("002000000",) * 3 + ("002009000",) * 2 + ("002000001",) * 3:
        assert bench.frame(HCHP=wrong) == []
        assert bench.value("HCHP") in (2_000_000, 2_000_001)


def test_three_consistent_frames_against_the_state_replace_it_and_say_so_once() -> None:
    bench = Bench()
    for _ in range(5):
        bench.frame()
    changes = [bench.frame(HCHP=f"00000500{n}") for n in range(6)]
    assert changes[:2] == [[], []]
    assert changes[2] == [Change("HCHP", "2000000", "5002")]
    assert changes[3:] == [[], [], []]
    assert bench.doubt("HCHP") == ""
    assert int(bench.value("HCHP")) in (5003, 5004, 5005)  # type: ignore[call-overload]


def test_another_meter_is_believed_from_its_third_frame_with_one_change() -> None:
    bench = Bench()
    for _ in range(5):
        bench.frame()
    other = {"ADCO": "021861348497", "HCHC": "000000000", "HCHP": "000000012"}
    assert [bench.frame(**other) for _ in range(2)] == [[], []]
    assert bench.value("ADCO") == "041876199277", "not yet"
    assert bench.value("HCHP") == 2_000_000, "no index of an unconfirmed meter"
    assert bench.frame(**other) == [Change("ADCO", "041876199277", "021861348497")]
    for _ in range(3):
        assert bench.frame(**other) == []
    assert (bench.value("HCHP"), bench.doubt("HCHP")) == (12, "")


def test_a_swapped_digit_in_the_identifier_changes_nothing() -> None:
    bench = Bench()
    for _ in range(5):
        bench.frame()
    assert bench.frame(ADCO="041876199727") == []
    assert (bench.value("ADCO"), bench.doubt("ADCO")) == ("041876199277", "")


def test_an_index_that_wraps_goes_on() -> None:
    bench = Bench()
    for value in ("999999998", "999999999", "999999999", "000000000", "000000000", "000000001", "000000001"):
        assert bench.frame(HCHP=value) == []
    assert (bench.value("HCHP"), bench.doubt("HCHP")) == (1, "")


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("kva", [3, 9, 18, 36])
def test_a_fast_meter_is_good_at_the_power_that_it_shows(kva: int, phases: int) -> None:
    meter = Meter(subscribed_kva=kva, phases=phases)
    meter.set_power(kva * 1250.0)
    bench = Bench(step_ms=2000.0)
    for n in range(100):
        assert bench.wire(meter.raw_groups(2000.0 * n)) == []
        if n > 10:
            shown = bench.judge.shown("HCHP")
            assert shown is not None
            assert shown.doubt == ""
            assert bench.t_ms - shown.t_ms <= 2000.0, "one frame late, not more"


def test_a_long_gap_is_allowed_what_the_subscribed_power_gives_in_it() -> None:
    bench = Bench()
    for _ in range(5):
        bench.frame()
    bench.t_ms += 3_600_000
    for _ in range(4):
        assert bench.frame(HCHP="002008900") == []
    assert (bench.value("HCHP"), bench.doubt("HCHP")) == (2_008_900, "")
    bench.t_ms += 3_600_000
    changes = [bench.frame(HCHP="002100000") for _ in range(4)]
    assert [len(change) for change in changes] == [0, 0, 1, 0]


def test_tariff_and_tomorrow_change_when_two_frames_say_so() -> None:
    bench = Bench()
    for _ in range(3):
        bench.frame(PTEC="HPJB", DEMAIN="----")
    bench.frame(PTEC="HCJW", DEMAIN="ROUG")
    assert (bench.value("PTEC"), bench.value("DEMAIN")) == ("HPJB", "----")
    bench.frame(PTEC="HCJW", DEMAIN="ROUG")
    assert (bench.value("PTEC"), bench.value("DEMAIN")) == ("HCJW", "ROUG")
    assert bench.doubt("PTEC") == ""


def test_after_refuted_values_more_frames_must_agree() -> None:
    bench = Bench()
    for _ in range(3):
        bench.frame()
    for _ in range(4):
        bench.frame(ISOUSC="54")
        bench.frame()
    bench.frame(ISOUSC="54")
    bench.frame(ISOUSC="54")
    assert bench.value("ISOUSC") == 45
    for _ in range(8):
        bench.frame(ISOUSC="60")
    assert (bench.value("ISOUSC"), bench.doubt("ISOUSC")) == (60, "")


def test_a_value_that_is_contradicted_for_long_is_shown_as_unconfirmed() -> None:
    bench = Bench()
    for _ in range(3):
        bench.frame()
    for n in range(30):
        bench.frame(IMAX=f"0{n + 10}")
    assert bench.doubt("IMAX") == "unconfirmed"


@pytest.mark.parametrize(
    ("groups", "labels"),
    [
        ({"IINST": "004", "PAPP": "09200"}, {"IINST", "PAPP"}),
        ({"IINST": "040", "PAPP": "00920"}, {"IINST", "PAPP"}),
        ({"IINST": "004", "PAPP": "00920"}, set()),
        ({"IINST": "000", "PAPP": "00120"}, set()),
        ({"IINST": "000", "PAPP": "00000"}, set()),
        ({"IINST": "012", "PAPP": "00000"}, set()),  # injecting
        ({"IINST": "090", "PAPP": "21000"}, set()),
        ({"IINST": "047", "ADPS": "047", "PAPP": "10810"}, set()),
        ({"IINST": "047", "ADPS": "074", "PAPP": "10810"}, {"IINST", "ADPS"}),
    ],
)
def test_power_and_current_of_one_frame_must_agree(groups: dict[str, str], labels: set[str]) -> None:
    bench = Bench()
    for _ in range(3):
        bench.frame(**groups)
    momentary = ("IINST", "PAPP", "ADPS")
    assert {label for label in momentary if bench.doubt(label) == "inconsistent"} == labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ({"IRMS1": "003", "URMS1": "237", "SINSTS": "00700"}, set()),
        ({"IRMS1": "003", "URMS1": "237", "SINSTS": "07000"}, {"IRMS1", "URMS1", "SINSTS"}),
        ({"IRMS1": "030", "URMS1": "237", "SINSTS": "00700"}, {"IRMS1", "URMS1", "SINSTS"}),
        ({"IRMS1": "003", "URMS1": "327", "SINSTS": "00700"}, {"IRMS1", "URMS1", "SINSTS"}),
        ({"IRMS1": "000", "URMS1": "320", "SINSTS": "00000"}, {"URMS1"}),
        ({"IRMS1": "000", "URMS1": "230", "SINSTS": "00000"}, set()),
        ({"IRMS1": "005", "URMS1": "228", "SINSTS": "00000", "SINSTI": "01253"}, set()),
        (
            {"IRMS1": "005", "URMS1": "228", "SINSTS": "00000", "SINSTI": "12530"},
            {"IRMS1", "URMS1", "SINSTS", "SINSTI"},
        ),
        (
            {"IRMS1": "003", "IRMS2": "006", "IRMS3": "003", "URMS1": "237", "URMS2": "238", "URMS3": "235"}
            | {"SINSTS": "02700", "SINSTS1": "00664", "SINSTS2": "01373", "SINSTS3": "00664"},
            set(),
        ),
        (
            {"IRMS1": "003", "IRMS2": "006", "IRMS3": "003", "URMS1": "237", "URMS2": "238", "URMS3": "235"}
            | {"SINSTS": "07200", "SINSTS1": "00664", "SINSTS2": "01373", "SINSTS3": "00664"},
            {"SINSTS", "SINSTS1", "SINSTS2", "SINSTS3"},
        ),
    ],
)
def test_power_voltage_and_current_of_a_standard_frame_must_agree(values: dict[str, str], labels: set[str]) -> None:
    bench = Bench()
    for _ in range(3):
        groups = [tabbed_group(label, data) for label, data in values.items()]
        bench.wire([*groups, tabbed_group("UMOY1", "235", "H200214230000")])
    assert {label for label in values if bench.doubt(label) == "inconsistent"} == labels


def test_the_meters_clock_is_good_when_it_goes_as_ours_and_never_when_degraded() -> None:
    bench = Bench(step_ms=1000.0)

    def second(text: str) -> str | None:
        bench.wire([tabbed_group("ADSC", "041876199277"), tabbed_group("DATE", "", text)])
        return bench.doubt("DATE")

    assert second("H230301091834") == "unconfirmed"
    assert second("H230301091835") == ""
    assert bench.judge.clock_s() == (1_677_658_715, 2000.0, 3_600_000)
    assert second("H230301091863".replace("63", "54")) == "unconfirmed", "18 s ahead"
    assert bench.judge.clock_s() is None
    assert second("H230301091837") == ""
    assert second("h230301091838") == "clock_degraded"
    assert bench.judge.clock_s() is None


def test_the_clock_goes_through_the_change_of_season() -> None:
    bench = Bench(step_ms=1000.0)
    for text in ("E261025025958", "E261025025959", "H261025020000", "H261025020001"):
        bench.wire([tabbed_group("DATE", "", text)])
    assert bench.doubt("DATE") == ""


def test_memory_is_json_and_a_lower_index_after_a_restart_is_not_believed_at_once() -> None:
    first = Bench()
    for _ in range(3):
        first.frame()
    text = msgspec.json.encode(first.judge.memory())
    assert len(text) < 200
    memory = msgspec.json.decode(text, type=Memory)
    assert memory == Memory("historique", {"ADCO": "041876199277"}, {"HCHC": 1_000_000, "HCHP": 2_000_000})

    second = Bench(memory)
    second.frame(HCHP="001999991")
    assert second.doubt("ADCO") == "", "it agrees with what is remembered"
    assert second.doubt("HCHP") is None, "lower than remembered"
    second.frame(HCHP="002500000")
    assert second.doubt("HCHP") == "unconfirmed"
    second.frame(HCHP="002500000")
    assert (second.value("HCHP"), second.doubt("HCHP")) == (2_500_000, "")


def test_memory_of_another_meter_is_replaced_with_a_change() -> None:
    bench = Bench(Memory("historique", {"ADCO": "021861348497"}, {"HCHC": 9_000_000, "HCHP": 9_000_000}))
    changes = [bench.frame() for _ in range(5)]
    assert changes[2] == [Change("ADCO", "021861348497", "041876199277")]
    assert changes[3:] == [[], []]
    assert (bench.value("HCHP"), bench.doubt("HCHP")) == (2_000_000, "")


def test_another_mode_is_taken_from_its_third_frame() -> None:
    bench = Bench()
    for _ in range(3):
        bench.frame()
    for _ in range(2):
        bench.wire([tabbed_group("ADSC", "041876199277"), tabbed_group("EAST", "000000010")])
    before = bench.judge.mode
    assert before == "historique"
    for _ in range(3):
        bench.wire([tabbed_group("ADSC", "041876199277"), tabbed_group("EAST", "000000010")])
    assert bench.judge.mode == "standard"
    assert (bench.value("EAST"), bench.doubt("EAST")) == (10, "")
    assert bench.value("HCHP") is None


def test_the_index_of_a_pme_pmi_meter_is_that_of_its_tariff_and_no_exchange_at_its_change() -> None:
    bench = Bench(step_ms=8000.0)

    def frame(period: str, index: str) -> list[Change]:
        pairs = [("ADS", "041436028024"), ("PTCOUR1", period), ("EAP_s", index)]
        return bench.wire([spaced_group(label, data) for label, data in pairs])

    for _ in range(3):
        assert frame("HPE", "9649kWh") == []
    for _ in range(3):
        assert frame("HCE", "4017kWh") == []
    assert bench.value("EAP_s") == 4017
    shown = bench.judge.shown("EAP_s", "HPE")
    assert shown is not None
    assert (shown.group.value, shown.doubt) == (9649, "")
    assert bench.judge.memory().indexes == {"EAP_s@HPE": 9649, "EAP_s@HCE": 4017}


@pytest.mark.parametrize("mode", ["historique", "standard", "pmepmi"])
def test_a_day_of_a_simulated_meter_is_good_and_without_a_change(mode: Mode) -> None:
    meter = Meter(mode, subscribed_kva=12)
    bench = Bench(step_ms=10_000.0)
    doubts = 0
    for n in range(8640):
        assert bench.wire(meter.raw_groups(10_000.0 * n)) == []
        index = bench.judge.shown({"historique": "HCHC", "standard": "EAST", "pmepmi": "EAP_s"}[mode])
        doubts += index is None or index.doubt != ""
    assert doubts <= (3 if mode == "pmepmi" else 2), "until it was confirmed; there for each tariff"


def test_groups_of_a_frame_that_the_next_one_confirms_are_told() -> None:
    decoder, judge = Decoder(), Judge()
    meter = Meter()
    ends = []
    for n in range(3):
        ends += [event for event in decoder.feed(meter.frame(1500.0 * n), 1500.0 * n) if isinstance(event, FrameEnd)]
        judge.frame(ends[-1])
    assert all(judge.confirms(group, ends[1].t_ms) for group in ends[1].groups if group.spec.role != "instant")
    last = {group.label for group in ends[2].groups if not judge.confirms(group, ends[2].t_ms)}
    assert last == {"HCHC", "HCHP"}
