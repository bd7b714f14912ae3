"""Every verb that asks, against a real running box: an answer in both forms, and files for nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import VERBS, main
from tests.box_rig import Service, service
from tests.support import ROOT, eventually

ASKING = {
    "status": [],
    "points": [],
    "values": [],
    "alarms": [],
    "shelve": [],
    "buffer": [],
    "meter": [],
    "relay": [],
    "explain": ["boiler.flow"],
    "time": [],
    "journal": [],
    "history": ["boiler.flow"],
    "export": [],
    "report": ["--day", "today"],
    "equipment": [],
    "tariff": [],
    "set": [],
    "programs": [],
    "tag": [],
}
OTHERS = {
    "run",
    "doctor",
    "scan",
    "check",
    "schema",
    "simulate",
    "tic",
    "receive",
    "ack",
    "watch",
    "backup",
    "wipe",
    "reload",
    "restore",
    "maintenance",
    "help",
    "test",
    "sms",
    "gateway",
    "card",
    "site",
    "update",
}
"""Verbs that ask nothing of a box, or change something: their own tests run them."""


@pytest.fixture(scope="module", params=["en", "fr"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    folder = tmp_path_factory.mktemp(request.param)
    text = (ROOT / "config" / "sites" / "demo.toml").read_text("utf-8")
    config = folder / "site.toml"
    config.write_text(text.replace('lang = "en"', f'lang = "{request.param}"'), "utf-8")
    with service(folder, "--demo", "--config", str(config), "--state", str(folder / "state")) as running:
        running.ready()
        eventually(lambda: main(["history", "boiler.flow", "--socket", str(running.socket)]) == 0, 60, "a record")
        yield running, folder / "state"


def test_no_verb_is_forgotten_here() -> None:
    assert ASKING.keys() | OTHERS == VERBS.keys()


@pytest.mark.slow(reason="the real box in both languages, until it has made its first records")
@pytest.mark.parametrize("verb", ASKING)
def test_a_running_box_answers(demo: tuple[Service, Path], verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [verb, *ASKING[verb], "--socket", str(demo[0].socket)]

    assert main(words) == 0
    plain = capsys.readouterr().out
    assert len(plain.splitlines()) >= 1
    if verb != "export":
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) is not None


@pytest.mark.slow(reason="the same running box")
def test_what_is_kept_is_for_the_boxs_user_alone(demo: tuple[Service, Path]) -> None:
    files = [path for path in demo[1].rglob("*") if path.is_file() and "devices" not in path.parts]

    assert {path.name for path in files} >= {"history.db", "history.db-wal", "notebook.json"}
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in files if path.stat().st_mode & 0o077} == {}
