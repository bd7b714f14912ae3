"""Captures of real meters on serial ports, three at once: what the consumer's database holds is what they said.

Each is played at its line's bit rate through a pseudo-terminal into a running box, to the broker, to the consumer.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from hal.fake.meter import PtyMeter, Recording
from tests.box_rig import Line, Row, Service, line, point, service, write_site
from tests.fault.captures import INDEX_KIND, Capture, Heard, captures, confirmed, heard, labels, number, says
from tests.support import eventually

CAPTURES = captures()
NOT_SENT = {"historique": "EJPHN", "standard": "EASD04", "pmepmi": "EA_i"}
DOUBTS = {"unconfirmed", "inconsistent", "clock_degraded", "meter_changed"}
FAULTS = {"no_frame", "not_sent", "not_open", "stale", "unconfirmed"}
"""A period in which an index or a word was never confirmed has no value; a momentary value or a text is uncertain."""
MOMENTARY = {"PAPP", "IINST", "IINST1", "SINSTS", "IRMS1", "URMS1"}  # not to be confirmed: as they come
TUNING_S = 7.0  # a speed is listened to for 6 s before the other one is tried
SILENT_S = 18.0  # no frame for 15 s is said as such


class Port:
    """A capture on a serial port of the box, with a point for each of its labels."""

    def __init__(self, name: str, capture: Capture, folder: Path, *, times: int, knows_mode: bool) -> None:
        self.name = name
        self.capture = capture
        self.recording = Recording(capture.data, capture.mode, times)  # type: ignore[arg-type]
        self.line = PtyMeter(self.recording, folder / f"{name}.tty")
        self.heard = heard(capture.data * times, capture.mode)
        known = dict.fromkeys(group.label for group in self.heard)
        self.missing = [label for label in self.rejected() if label not in known]
        self.labels = {f"{name}.{n}": label for n, label in enumerate([*known, *self.missing])}
        self.options = {"mode": "standard"} if knows_mode and capture.mode == "standard" else {}

    def rejected(self) -> list[str]:
        """Return labels that this meter never says rightly: those of damaged groups, and one that it hasn't."""
        damaged = {"sysio_badframe.bin": ["HCHP"], "enedis_ticFrameStandard_PCOUP_Invalid.bin": ["PCOUP"]}
        wrong_length = {"goteleinfo_standard_hcwe.bin": ["ADSC"], "openhab_standard_mono_prod.bin": ["NGTF"]}
        return [
            *damaged.get(self.capture.file, []),
            *wrong_length.get(self.capture.file, []),
            NOT_SENT[self.capture.mode],
        ]

    def points(self) -> list[dict[str, object]]:
        return [point(name, self.name, "teleinfo", label=label, **self.options) for name, label in self.labels.items()]

    def is_over(self) -> bool:
        return self.recording.left < 0

    def goes_back(self, label: str) -> bool:
        """Return whether this is an index that falls, as where a capture begins again."""
        if labels(self.capture.mode)[label][1] != INDEX_KIND:
            return False
        values = [number(group.text) for group in self.heard if group.label == label]
        return any(following < one for one, following in pairwise(values))

    def judge(self, by_point: dict[str, list[Row]], words: dict[str, list[str]]) -> None:
        """Compare all that the consumer has of this port with what the capture says."""
        for name, label in self.labels.items():
            rows = by_point.get(name, [])
            assert rows, (self.capture.file, label)
            for row in rows:
                assert (row.value is None) == (row.quality == "bad"), row
                assert row.quality == "good" or row.why in (FAULTS if row.quality == "bad" else DOUBTS), row
                assert row.why != "meter_changed" or self.goes_back(label), row
            said = [group for group in self.heard if group.label == label]
            if said:
                self._judge_label(label, said, rows, words.get(name, []))
            else:
                assert {row.quality for row in rows} == {"bad"}, (self.capture.file, label, rows)

    def _judge_label(self, label: str, said: list[Heard], rows: list[Row], words: list[str]) -> None:
        """Check that the values came in the order in which the meter said them, and an index good only if confirmed."""
        about = (self.capture.file, label)
        with_value = [row for row in rows if row.value is not None]
        assert with_value or label not in MOMENTARY, (*about, "never arrived")
        place = 0
        for row in with_value:
            at = next((n for n in range(place, len(said)) if says(said[n], row.value, row.unit, words)), None)
            if at is None:  # what stands confirmed stays while another one waits for its confirmation
                at = next((n for n in range(place) if says(said[n], row.value, row.unit, words)), None)
            assert at is not None, (*about, "was never said", row)
            place = max(place, at)
        if labels(self.capture.mode)[label][1] == INDEX_KIND:
            borne_out = confirmed([group.text for group in said])
            for row in with_value:
                if row.quality == "good":
                    is_confirmed = any(
                        group.text in borne_out and says(group, row.value, row.unit, words) for group in said
                    )
                    assert is_confirmed, (*about, row)
        if self.capture.is_framed and len({group.text for group in said}) == 1 and len(said) >= 3:
            doubts = {row.why for row in with_value if row.quality == "uncertain"}
            is_good = any(row.quality == "good" for row in with_value)
            assert is_good or doubts & {"inconsistent", "clock_degraded"}, (*about, doubts)


def play(ports: list[Port], until_s: float = 60.0) -> None:
    """Let the lines carry their captures to the end, in real time."""

    def over() -> bool:
        now_s = time.monotonic()
        for port in ports:
            port.line.step(now_s)
        return all(port.is_over() for port in ports)

    eventually(over, until_s, "the captures are played")


def station(stack: ExitStack, folder: Path, ports: list[Port]) -> tuple[Line, Service]:
    """Start a box with these ports, its broker and its consumer."""
    for port in ports:
        stack.callback(port.line.close)
    sent = stack.enter_context(line(folder))
    config = write_site(
        folder,
        bus={port.name: {"kind": "serial", "port": str(port.line.port)} for port in ports},
        point=[entry for port in ports for entry in port.points()],
        link=sent.link,
    )
    return sent, stack.enter_context(service(folder, "--config", str(config), "--state", str(folder / "state")))


def judge(sent: Line, box: Service, ports: list[Port]) -> None:
    """End the box and compare."""
    figures = box.finish()
    assert figures.is_everything_acknowledged(), figures.found
    assert sent.stored.count() == figures.found["records"]
    assert sent.stored.holes() == sent.stored.gaps() == []
    by_point, words = sent.stored.by_point(), sent.stored.words()
    for port in ports:
        port.judge(by_point, words)


def named(*files: str) -> list[Capture]:
    return [capture for file in files for capture in CAPTURES if capture.file == file]


def test_the_second_reader_finds_what_the_index_counts() -> None:
    for capture in CAPTURES:
        assert len(heard(capture.data, capture.mode)) == capture.valid, capture.file


@pytest.mark.slow(reason="real captures at the bit rate of their lines: 1200 and 9600 Bd cannot go faster")
def test_three_meters_at_once_arrive_in_the_database_as_they_spoke(tmp_path: Path) -> None:
    chosen = named("sysio_badframe.bin", "goteleinfo_standard_hcwe.bin", "enedis_ticFrameHistoric.bin")
    if not chosen:
        pytest.skip("no measurement data")
    ports = [
        Port(f"m{n}", capture, tmp_path, times=capture.times(4.5), knows_mode=True) for n, capture in enumerate(chosen)
    ]
    with ExitStack() as stack:
        sent, box = station(stack, tmp_path, ports)
        play(ports)
        judge(sent, box, ports)


@pytest.mark.campaign(
    reason="all captures at their bit rates, by threes, each to the silence after it: 7 times 30 to 75 s"
)
@pytest.mark.parametrize("first", range(0, len(CAPTURES), 3))
def test_all_captures_arrive_in_the_database_as_they_spoke_and_then_as_silence(tmp_path: Path, first: int) -> None:
    by_length = sorted(CAPTURES, key=Capture.lasts_s)
    ports = [
        Port(
            f"m{n}",
            capture,
            tmp_path,
            times=1 if capture.lasts_s() > 15 else capture.times(3 * TUNING_S),
            knows_mode=False,
        )
        for n, capture in enumerate(by_length[first : first + 3])
    ]
    with ExitStack() as stack:
        sent, box = station(stack, tmp_path, ports)
        play(ports, 120)

        def all_silent() -> bool:
            by_point = sent.stored.by_point()
            return all(by_point.get(name, [])[-1:] for port in ports for name in port.labels) and all(
                by_point[name][-1].quality == "bad" for port in ports for name in port.labels
            )

        eventually(all_silent, SILENT_S + 60, "silence is told")
        judge(sent, box, ports)
        for name, rows in sent.stored.by_point().items():
            assert (rows[-1].value, rows[-1].quality, rows[-1].why) == (None, "bad", "no_frame"), name
