"""What every driver must do, whatever its device: the contract of `hal/driver.py`, one row a driver in `rows.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from edge.core import units
from hal import buses, drivers
from hal.driver import Driver
from hal.sample import BAD, GOOD, REASONS, UNCERTAIN, Kind, Quality, Sample
from tests.contract.rows import ROWS, Row
from tests.support import ROOT, eventually

NOW_NS = 10_000_000_000


class Rig:
    """A driver of one row, built from options as the settings build them."""

    def __init__(self, name: str, row: Row) -> None:
        self.row = row
        self.kind: Any = drivers.load(name.partition(" on ")[0])
        self.options = {point: msgspec.convert(keys, self.kind.Options) for point, keys in row.points.items()}
        self.driver: Driver = self.kind(row.bus, self.options)

    def well(self, sample: Sample) -> Quality:
        """Return the quality that this point has while all is well."""
        return UNCERTAIN if sample.point in self.row.estimated else GOOD

    def read(self, now_ns: int = NOW_NS) -> dict[str, Sample]:
        """Return the last sample of each due point; a driver that raises gives BAD ones, as its bus makes them."""
        try:
            samples = self.driver.read(list(self.options), now_ns)
        except OSError as exc:
            return {
                point: Sample(point, now_ns, None, BAD, getattr(exc, "reason", "bus_error")) for point in self.options
            }
        return {sample.point: sample for sample in samples}


@pytest.fixture(params=sorted(ROWS))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    row = ROWS[request.param](tmp_path)
    made = Rig(request.param, row)
    yield made
    made.driver.close()
    row.close()


def test_every_built_in_driver_that_is_in_the_tree_has_a_row() -> None:
    assert set(drivers.BUILT_IN) == {name.partition(" on ")[0] for name in ROWS}, "add a row in tests/contract/rows.py"


def test_options_refuse_what_they_do_not_know(rig: Rig) -> None:
    for keys in rig.row.points.values():
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            msgspec.convert({**keys, "colour": 1}, rig.kind.Options)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert([], rig.kind.Options)


def test_options_are_frozen_and_each_is_described_in_the_schema(rig: Rig) -> None:
    assert rig.kind.Options.__struct_config__.frozen
    schema = msgspec.json.schema(rig.kind.Options)
    (definition,) = schema["$defs"].values()
    for key, what in definition["properties"].items():
        assert "description" in str(what), f"{key} has no description"


def test_it_lives_on_a_bus_that_exists(rig: Rig) -> None:
    assert rig.kind.bus_kind in buses.KINDS


def test_points_of_one_device_share_it(rig: Rig) -> None:
    names = {rig.kind.device(options) for options in rig.options.values()}
    assert len(names) == 1
    assert names.pop()


def test_each_point_has_a_kind_and_a_known_unit(rig: Rig) -> None:
    for options in rig.options.values():
        channel = rig.kind.channel(options)
        assert channel.kind in get_args(Kind)
        assert channel.unit in units.KNOWN or channel.kind in {"state", "text"}
        assert channel.scale
        assert len(channel.words) >= 2 or channel.kind != "state"


def test_building_touches_nothing(rig: Rig) -> None:
    rig.kind(None, rig.options)


def test_closing_before_opening_and_twice_is_allowed(rig: Rig) -> None:
    rig.driver.close()
    rig.driver.close()
    rig.driver.open()
    rig.driver.close()
    rig.driver.close()


def test_each_due_point_gets_its_value_at_its_time(rig: Rig) -> None:
    rig.driver.open()
    rig.row.run(NOW_NS)
    samples: dict[str, Sample] = {}

    def has_all() -> bool:  # a pty hands bytes over when the kernel gets to it
        samples.update(rig.read())
        return all(sample.quality == rig.well(sample) for sample in samples.values())

    eventually(has_all, 5, "every point has a value")
    assert set(samples) == set(rig.options)
    for point, sample in samples.items():
        assert 0 <= NOW_NS - sample.t_ns <= rig.row.late_ns
        assert sample == Sample(point, sample.t_ns, pytest.approx(rig.row.values[point], abs=0.002), rig.well(sample),
                                "estimated" if point in rig.row.estimated else "")  # fmt: skip


def test_what_was_read_can_be_shown(rig: Rig) -> None:
    if not hasattr(rig.driver, "raw"):
        pytest.skip("this driver shows nothing")
    for point in rig.options:
        assert rig.driver.raw(point) == ""
    rig.driver.open()
    rig.row.run(NOW_NS)
    rig.read()
    for point in rig.options:
        assert rig.driver.raw(point)


def test_two_reads_in_a_row_say_the_same(rig: Rig) -> None:
    rig.driver.open()
    rig.row.run(NOW_NS)
    samples: dict[str, Sample] = {}

    def is_well() -> bool:
        samples.update(rig.read())
        return all(sample.quality == rig.well(sample) for sample in samples.values())

    eventually(is_well, 5, "every point has a value")
    again = rig.read(NOW_NS + 1)
    assert set(again) == set(samples)
    for point, sample in samples.items():
        assert again[point].value == pytest.approx(sample.value, abs=0.002)
        assert again[point].quality == sample.quality
        assert again[point].t_ns >= sample.t_ns


def test_what_the_wire_brought_is_handed_over_once(rig: Rig) -> None:
    trace = getattr(rig.driver, "trace", None)
    if trace is None:
        pytest.skip("this driver's wire brings no bytes")
    assert trace() == b"", "not open yet"
    rig.driver.open()
    rig.row.run(NOW_NS)
    rig.read()
    first = trace()
    assert isinstance(first, bytes)
    assert first
    assert trace() == b""
    if rig.row.lose is not None:
        rig.row.lose()
        rig.read(NOW_NS + 1)
        assert isinstance(trace(), bytes), "asked also after a read that raised"
    rig.driver.close()
    assert isinstance(trace(), bytes)


def test_every_option_stands_in_the_reference_page(rig: Rig) -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    name = next(name for name in drivers.names() if drivers.load(name) is rig.kind)
    head = f'### `driver = "{name}"` on a bus of kind `{rig.kind.bus_kind}`'
    assert head in page
    section = page.partition(head)[2].partition("\n##")[0]
    for field in rig.kind.Options.__struct_encode_fields__:
        assert f"| `{field}` |" in section, (
            f"run: python -m edge.settings.reference > docs/reference/settings.md ({field})"
        )


def test_only_due_points_are_read(rig: Rig) -> None:
    rig.driver.open()
    rig.row.run(NOW_NS)
    for point in rig.options:
        assert {sample.point for sample in rig.driver.read([point], NOW_NS)} == {point}
    assert rig.driver.read([], NOW_NS) == []


def test_a_lost_device_is_bad_with_a_reason_from_the_table_and_never_a_value(rig: Rig) -> None:
    if rig.row.lose is None:
        pytest.skip("nobody can tell a lost device of this kind from one at rest")
    rig.driver.open()
    rig.row.run(NOW_NS)
    rig.read()
    rig.row.lose()
    for sample in rig.read(NOW_NS + 1).values():
        assert sample.value is None
        assert sample.quality == BAD
        assert sample.reason in REASONS
    rig.row.mend()
    again_ns = NOW_NS + 2 + 2 * rig.row.late_ns
    if rig.row.late_ns:  # its bus opens it anew
        rig.driver.close()
        rig.driver.open()
    rig.row.run(again_ns)
    assert all(sample.quality == rig.well(sample) for sample in rig.read(again_ns).values())


def test_a_device_that_is_absent_at_the_start_cannot_be_opened_and_can_later(rig: Rig) -> None:
    if rig.row.lose is None:
        pytest.skip("nobody can tell a lost device of this kind from one at rest")
    rig.row.lose()
    with pytest.raises(OSError, match=r"; .+") as caught:  # cause; cure
        rig.driver.open()
    assert getattr(caught.value, "reason", "") in REASONS
    rig.row.mend()
    rig.driver.open()


def test_it_can_be_opened_again_after_closing(rig: Rig) -> None:
    rig.driver.open()
    rig.driver.close()
    rig.driver.open()
    rig.row.run(NOW_NS)
    assert all(sample.quality == rig.well(sample) for sample in rig.read().values())


def test_reading_what_is_not_open_is_never_a_value_from_nowhere(rig: Rig) -> None:
    rig.driver.open()
    rig.driver.close()
    if rig.row.lose is not None:
        rig.row.lose()
    assert all(sample.value is None for sample in rig.read().values())
