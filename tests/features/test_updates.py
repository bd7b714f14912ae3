"""A box is brought to a new version, and comes back from one that is not well."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli.main import VERBS
from edge.cli.update_told import lines
from edge.cli.words import Words
from edge.runtime.update_confirm import confirm
from tests.update_rig import Box, live


@pytest.mark.parametrize(("sick", "slot"), [(None, "b"), ({"index": 999.0}, "a"), ({"bad": 2}, "a")])
def test_an_update_stays_when_the_box_is_as_before_and_goes_back_when_it_is_not(
    tmp_path: Path, sick: dict[str, float] | None, slot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """I4: an update that fails leaves the version before running with its indexes, and which one runs is said."""
    assert VERBS["update"].module == "edge.cli.update"
    box = Box(tmp_path)
    box.updating().install(box.bundle("0.2.0+7"))
    box.updating().prepare_try()
    box.card.start(is_try=True)
    box.updating().settle()
    box.live = live(**sick) if sick else live()

    def wait(seconds: float) -> None:
        assert box.live is not None
        box.clock.advance(seconds)
        box.live["box"]["readings"] += 1

    confirm(box.updating(), lambda: box.live, now_s=lambda: box.clock.now_ns / 1e9, wait=wait)
    assert box.card.start() == slot
    box.updating().settle()
    told = lines(box.updating().facts(), Words("en"))
    assert told[0] == ("vigie 0.2.0+7, system b" if slot == "b" else "vigie 0.1.0+1795166000, system a")
    why = {"b": "committed", "a": "taken back: fewer points were read than before"}[slot]
    if sick == {"index": 999.0}:
        why = "taken back: an index was lower than before"
    assert told[1] == f"   last update: 0.2.0+7, {why}"
    assert capsys.readouterr().err == ""
