"""What an installer reads is what a box takes, in both languages."""

from __future__ import annotations

import re

import pytest

from edge.settings.load import loads
from tests.card_rig import Rig
from tests.support import ROOT

PAGES = ("docs/installer/wiring.md", "docs/fr/poseur/cabler.md")


@pytest.mark.parametrize("page", PAGES)
def test_what_stands_on_the_wiring_page_is_a_card_file_that_a_box_takes(page: str) -> None:
    """I6: the settings under the drawings, as they stand there, make a box; a pin used twice is told with its line."""
    told = re.findall(r"<!-- site -->\n```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    file = '[box]\nid = "b0042"\n[site]\nname = "Gymnase Sud"\n[link.mqtt]\nhost = "broker.example.org"\n' + "".join(
        told
    )
    rig = Rig()
    rig.put("vigie.toml", file)
    assert rig.take().state == "applied"
    assert {entry.point.id for entry in loads(rig.on_box()).points} >= {
        "tic.papp",
        "boiler.flow",
        "water.cold",
        "power",
    }
    rig.put("vigie.toml", file.replace("pin = 27", "pin = 17"))
    assert rig.take().faults == 1
    assert "GPIO17 (broche 11) est déjà pris par" in rig.on_card("vigie-errors.txt")
