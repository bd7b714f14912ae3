"""Two cards that were written with one file: both boxes run, and that they have one id is said on every channel."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.image import rig
from tests.image.emulated import Card
from tests.support import eventually

pytestmark = pytest.mark.image

SAID_S = 900
KIND = "duplicate_id"
VIGIE = "PATH=/opt/vigie/bin:$PATH; vigie"


def test_two_cards_from_one_file_say_so(tmp_path: Path, card_image: Path) -> None:
    site = rig.SITE.replace('id = "b0042"\n', 'id = "b0042"\ntrust_clock = true\n', 1)
    with rig.server(tmp_path) as (broker, receiver), ExitStack() as stack:
        told = stack.enter_context(rig.subscribed(broker.port, "vigie/v1/b0042/up/#"))
        cards = [stack.enter_context(Card(card_image, tmp_path / name)) for name in ("one", "two")]
        for card in cards:
            card.write("vigie.toml", rig.card_file(broker.port, site))
            card.start()
        for card in cards:
            card.shell(
                f"until {VIGIE} journal --kind {KIND} --json 2>/dev/null | grep -q {KIND}; do sleep 5; done", SAID_S
            )
            assert KIND in card.shell(f"{VIGIE} status --json"), "the link's problems"
            assert KIND in card.shell(f"{VIGIE} doctor --json || true", 120)
        eventually(lambda: KIND in receiver.output(), SAID_S, "who receives says so")
        kinds = {topic.rpartition("/")[2] for topic, payload, _ in list(told) if KIND in payload}
        assert kinds >= {"status"}, kinds
        streams = {json.loads(payload)["stream"] for topic, payload, _ in list(told) if topic.endswith("/up/m")}
        assert len(streams) == 2, "each has its own"
        eventually(
            lambda: len(rig.stored(tmp_path, "SELECT DISTINCT stream FROM records WHERE point = 'water'")) == 2, SAID_S,
            "all of both is stored",
        )  # fmt: skip
