"""A running box that is killed right after it answered: the changed price and what was counted are there again."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from edge.cli.client import Client
from edge.cli.main import main
from tests.box_rig import Service, service
from tests.support import ROOT, eventually

POINTS = ("tic.index.hp", "tic.index.hc")


def durable(running: Service) -> Decimal:
    """Return what the logs hold of the energy of today."""
    records = Client(running.socket).get("backup")["records"]
    sums = [records.get(f"cost/{point}", {}).get("moved", {}).get("", ["0"])[0] for point in POINTS]
    return sum((Decimal(amount or 0) for amount in sums), Decimal(0))


def used(running: Service) -> Decimal:
    views = Client(running.socket).get("costs")["tariffs"]
    span = next(view for view in views if view["tariff"] == "elec")["spans"]["today"]
    return sum((Decimal(amount or 0) for amount in span["used"].values()), Decimal(0))


@pytest.mark.slow(reason="two starts of the real box, and records of some seconds in between")
def test_a_price_is_durable_when_it_is_answered_and_what_was_counted_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "site.toml"
    text = (ROOT / "config" / "sites" / "demo.toml").read_text("utf-8")
    config.write_text(text.replace("period_s = 2\nrecord_s = 60", "period_s = 2\nrecord_s = 2"), "utf-8")
    words = ("--demo", "--config", str(config), "--state", str(tmp_path / "state"))
    begins = (date.today() + timedelta(days=40)).isoformat()  # noqa: DTZ011 - some day to come, wherever
    with service(tmp_path, *words) as running:
        eventually(lambda: durable(running) > 0, 30, "a committed record that moved")
        kept = durable(running)
        assert main(["tariff", "set", "elec", "--from", begins, "HP=0.3", "--socket", str(running.socket)]) == 0
        running.kill()
    with service(tmp_path, *words, name="again") as running:
        known = Client(running.socket).get("tariffs")["tariffs"]["elec"]
        assert [(version["version"], version["prices"]["HP"]) for version in known] == [(1, "0.2065"), (2, "0.3")]
        assert used(running) >= kept
        assert main(["journal", "--socket", str(running.socket)]) == 0
        assert "tariff elec v2 from" in capsys.readouterr().out
