"""What stands in [start] is done once: by the running box, noted, struck out, and never again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from edge.core.commands import Command
from edge.core.meter import number_of
from edge.runtime.card_acts import carry_out
from edge.runtime.card_take import Taking
from edge.settings.card_text import card_text
from edge.store.fs_memory import MODELS, MemoryFs, prefixes
from tests.card_rig import GOOD, Rig

INDEX = "meter.set water.cold 482.137"


class Desk:
    """A box that answers each id once, as the registry does, and remembers over power cuts."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.refuses = False
        self.is_there = True

    def order(self, command: Command) -> Mapping[str, Any]:
        if not self.is_there:
            raise ConnectionRefusedError
        assert command.author == "card"
        if command.id not in self.answers:
            self.answers[command.id] = {"done": not self.refuses, "text": {"key": "meter_number", "values": {}}}
            self.done.append(" ".join([command.verb, *map(str, command.args.values())]))
        return self.answers[command.id]


def taking(rig: Rig) -> Taking:
    return Taking(rig.boot, rig.root, utc_s=rig.now_s, open_boot=rig.open_boot)


def settle(rig: Rig, desk: Desk, when: str = "20/11/2026 10:31") -> int:
    return carry_out(taking(rig), desk.order, lambda: when)


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.put("vigie.toml", GOOD)
    rig.take()
    return rig


def test_acts_are_done_once_and_struck_out_on_the_card(rig: Rig) -> None:
    desk = Desk()
    assert settle(rig, desk) == 0
    assert desk.done == [INDEX, "test"]
    card = rig.on_card()
    assert "# done 20/11/2026 10:31: test = true\n" in card
    assert '# done 20/11/2026 10:31: [[start.meter]]\n# done 20/11/2026 10:31: meter = "water.cold"\n' in card
    before = rig.octets_written()
    assert (settle(rig, Desk()), rig.take().state, rig.octets_written()) == (0, "unchanged", before)


def test_a_card_that_is_written_anew_with_the_same_acts_repeats_none(rig: Rig) -> None:
    desk = Desk()
    settle(rig, desk)
    rig.put("vigie.toml", GOOD)  # the office's copy, once more
    assert rig.take().state == "unchanged"
    assert "# done 20/11/2026 10:31: index" in rig.on_card()
    rig.put("vigie.toml", GOOD.replace("pin = 17", "pin = 18").replace("test = true", ""))
    rig.take()
    settle(rig, desk)
    assert desk.done == [INDEX, "test"]
    rig.put("vigie.toml", GOOD.replace("482,137", "500"))
    rig.take()
    settle(rig, desk)
    assert desk.done == [INDEX, "test", "meter.set water.cold 500"], "another index is another act"


def test_what_the_box_refuses_is_struck_out_as_refused(rig: Rig) -> None:
    desk = Desk()
    desk.refuses = True
    settle(rig, desk)
    assert '# refused 20/11/2026 10:31: index = "482,137"' in rig.on_card()
    assert rig.take().state == "unchanged"


def test_without_a_box_they_wait(rig: Rig) -> None:
    desk = Desk()
    desk.is_there = False
    before = rig.octets_written()
    assert settle(rig, desk) == 2
    assert (desk.done, rig.octets_written()) == ([], before)
    desk.is_there = True
    assert settle(rig, desk, when="-") == 0
    assert "# done -: test = true" in rig.on_card()
    assert rig.take().state == "unchanged"


def test_a_cut_at_each_write_does_no_act_twice_and_none_not_at_all(rig: Rig) -> None:
    start = rig.disk.after_cut("kept")
    rig.disk.calls = []
    settle(rig, Desk())
    calls, card = rig.disk.calls, rig.on_card()
    for at, disk in enumerate(prefixes(calls, start)):
        left = disk.after_cut(MODELS[at % len(MODELS)], at)
        for folder in ("boot", "root", "root/etc/vigie", "root/etc/vigie/secrets"):
            left.mkdir(folder)
        found, desk = Rig(left), Desk()
        for name, act in taking(rig).state.acts.items():  # the station's own memory is durable with what it did
            if taking(found).state.acts[name].outcome is not None:
                desk.answers[f"card-{name}"] = {"done": True}
                desk.done.append(" ".join([act.verb, *act.args.values()]))
        found.take()
        settle(found, desk)
        assert sorted(desk.done) == sorted([INDEX, "test"]), at
        assert found.on_card() == card, at


@pytest.mark.parametrize(
    ("index", "said"), [("0", "0"), ("0.00005", "0.00005"), ("482.137", "482.137"), ("1e3", "1000.0")]
)
def test_an_index_reaches_the_box_as_a_number_that_people_write(index: str, said: str) -> None:
    acts = card_text(GOOD.replace('"482,137"', index)).acts
    assert [act.args["value"] for act in acts if act.verb == "meter.set"] == [said]
    assert number_of(said) == Decimal(index)


def test_acts_that_share_a_line_are_struck_out_together() -> None:
    rig = Rig()
    text = GOOD[: GOOD.index("[start]")] + "start = { test = true }\n"
    rig.put("vigie.toml", text.replace("[box]", "", 1).replace("# the card of b0042\n", "# first\n[box]\n", 1))
    assert rig.take().state == "refused", "an inline table behind a header is part of that table"
    rig.put("vigie.toml", "start = { test = true }\n" + GOOD[: GOOD.index("[start]")])
    assert rig.take().state == "applied"
    settle(rig, Desk())
    assert rig.on_card().startswith("# done 20/11/2026 10:31: start = { test = true }\n")


def test_where_the_memory_is_lost_no_act_is_done_that_may_have_been() -> None:
    disk = MemoryFs(keep_cuts=True)
    rig = Rig(disk)
    rig.put("vigie.toml", GOOD)
    rig.take()
    for name in ("card.json", "card.json.bak"):
        if disk.exists(f"root/etc/vigie/{name}"):
            disk.images[disk.names[f"root/etc/vigie/{name}"]].write(b"\0\0", 30)
    assert rig.take().state == "applied"
    desk = Desk()
    settle(rig, desk)
    assert desk.done == []
    assert "# refused -: index" in rig.on_card()
