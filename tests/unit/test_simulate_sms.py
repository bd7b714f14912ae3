"""`vigie simulate` of a site that texts: what a month takes and costs, both ways, before anything is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli.main import main

SITE = (Path(__file__).parents[2] / "config/sites/gsm-17.toml").read_text("utf-8")
WORDS = {
    "en": ("SMS out  ", "SMS in   ", "out of a budget of 200 SMS 12.00 EUR", ", 0 lost"),
    "fr": ("SMS émis   ", "SMS reçus  ", "sur un budget de 200 SMS 12,00 EUR", ", 0 perdue"),
}


def site(folder: Path, lang: str = "en") -> str:
    """Return a file of the site, sampled and sent as often as six hours show it."""
    text = SITE.replace("period_s = 60", "period_s = 600").replace('plan = "daily"', 'plan = "hourly"')
    path = folder / "gsm.toml"
    path.write_text(text.replace('lang = "en"', f'lang = "{lang}"').replace("per_day = 12", "per_day = 40"), "utf-8")
    return str(path)


@pytest.mark.parametrize("lang", list(WORDS))
def test_the_price_of_both_ways_is_told_in_english_and_french(
    lang: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", site(tmp_path, lang), "--days", "0.25", "--sms-price", "0.06", "--sms-loss", "0"]) == 0
    told = capsys.readouterr().out
    for word in WORDS[lang]:
        assert word in told
    assert "0 batches" not in told


def test_the_figures_add_up_and_an_outage_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["simulate", site(tmp_path), "--days", "0.25", "--outage", "sms=2h@day1.05", "--json", "--sms-loss", "0"]
    assert main(args) == 0
    found = json.loads(capsys.readouterr().out)["sms"]
    assert found["sent"] == sum(found["out"].values()) == sum(found["per_day"].values())
    assert found["sent"] + found["received"] == sum(found["months"].values())
    assert found["cost"] == round((found["sent"] + found["received"]) * 0.06, 2)
    assert (found["lost"], found["outage_s"]) == (0, 7200.0)
    assert found["values"] >= 17 * 4


def test_what_was_not_due_yet_is_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(site(tmp_path))
    path.write_text(path.read_text("utf-8").replace('plan = "hourly"', 'plan = "daily"'), "utf-8")
    assert main(["simulate", str(path), "--days", "0.05", "--sms-loss", "0"]) == 0
    assert "gateway 0 values stored, 0 lost" in capsys.readouterr().out


def test_a_site_that_texts_people_alone_has_no_gateway_in_its_bill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(site(tmp_path))
    text = "\n".join(line for line in path.read_text("utf-8").splitlines() if not line.startswith("gateway"))
    path.write_text(text, "utf-8")
    assert main(["simulate", str(path), "--days", "0.02"]) == 0
    told = capsys.readouterr().out
    assert "SMS out" in told
    assert "gateway" not in told


def test_a_price_that_nobody_said_is_not_told_as_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(site(tmp_path))
    path.write_text(path.read_text("utf-8").replace("price = 0.06\n", ""), "utf-8")
    assert main(["simulate", str(path), "--days", "0.25", "--sms-loss", "0"]) == 0
    told = capsys.readouterr().out
    assert "0.00" not in told
    assert "EUR" not in told
    assert "price in [link.sms], or --sms-price" in told
    assert main(["simulate", str(path), "--days", "0.25", "--sms-loss", "0", "--sms-price", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sms"]["cost"] == 0


@pytest.mark.parametrize("words", [("--sms-price", "nan"), ("--sms-price", "-1"), ("--sms-loss", "101")])
def test_a_price_or_a_loss_that_is_none_is_refused(words: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["simulate", site(tmp_path), *words])
    assert left.value.code == 2
