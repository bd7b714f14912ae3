"""`vigie run` as a process reads its settings again: by SIGHUP, with a server upstream, and killed in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from edge.cli.client import Client
from edge.core.commands import Command
from edge.settings.load import load
from tests.box_rig import Service, line, service
from tests.support import ROOT, eventually

DEMO = ROOT / "config" / "sites" / "demo.toml"
OLD, NEW = 'name = "Gymnase Sud"', 'name = "Gymnase Nord"'


def site(folder: Path, more: str = "") -> Path:
    config = folder / "site.toml"
    text = DEMO.read_text("utf-8")
    assert text.count(OLD) == 1
    config.write_text(text[: text.index("[link.mqtt]")] + more if "[link.mqtt]" in text else text + more, "utf-8")
    return config


def change(config: Path, old: str, new: str) -> None:
    text = config.read_text("utf-8")
    assert text.count(old) == 1, old
    config.write_text(text.replace(old, new), "utf-8")


def box(running: Service, name: str) -> Any:
    return Client(running.socket).get(name)


def kinds(running: Service) -> list[str]:
    return [entry["kind"] for entry in box(running, "journal?limit=200")["lines"]]


@pytest.mark.slow("a process, until it has read its settings three times")
def test_a_hangup_reads_the_settings_again_and_a_wrong_file_leaves_the_old_ones(tmp_path: Path) -> None:
    config = site(tmp_path)
    with service(tmp_path, "--demo", "--config", str(config), "--state", str(tmp_path / "state")) as running:
        running.ready()
        change(config, OLD, NEW)
        os.kill(running.pid, signal.SIGHUP)
        eventually(lambda: box(running, "box")["site"]["name"] == "Gymnase Nord", 20)
        change(config, NEW, "nom = 'Gymnase'")
        os.kill(running.pid, signal.SIGHUP)
        eventually(lambda: box(running, "reload")["state"] == "faults", 20)
        assert box(running, "box")["site"]["name"] == "Gymnase Nord"
        eventually(lambda: {"reload", "reload_refused"} <= set(kinds(running)))
        assert str(config) in running.output()  # its faults with their places, for `journalctl`


@pytest.mark.slow("a process and a broker, until its points were published twice")
def test_upstream_hears_of_the_new_points_and_the_link_stays_up(tmp_path: Path) -> None:
    with line(tmp_path) as upstream:
        config = site(tmp_path, f'\n[link.mqtt]\nhost = "127.0.0.1"\nport = {upstream.broker.port}\n')
        with service(tmp_path, "--demo", "--config", str(config), "--state", str(tmp_path / "state")) as running:
            running.ready()
            eventually(lambda: upstream.stored.count() > 0, 30)
            text = config.read_text("utf-8")
            config.write_text(text.replace('place = "cellar"', 'place = "attic"'), "utf-8")
            before = len(upstream.stored.events("link_up"))
            assert before == 1
            Client(running.socket).post("commands", Command("c1", "reload", {}, "marie"))
            eventually(lambda: box(running, "reload")["state"] == "done", 20)
            eventually(lambda: upstream.stored.events("reload"), 20)
            eventually(lambda: "attic" in upstream.stored.places(), 20, "up/points came again")
            (told,) = upstream.stored.events("reload")
            assert (told["author"], told["channel"]) == ("marie", "local")
            assert len(upstream.stored.events("link_up")) == 1
            config.write_text(config.read_text("utf-8") + "keepalive_s = 20\n", "utf-8")
            Client(running.socket).post("commands", Command("c2", "reload", {}, "marie"))
            eventually(lambda: len(upstream.stored.events("link_up")) == 2, 20, "its own settings changed")
        assert upstream.stored.gaps() == []
        assert upstream.stored.holes() == []


@pytest.mark.slow("ten starts, each killed at another instant of a reload")
def test_a_box_killed_during_a_reload_comes_up_with_the_old_or_the_new_settings(tmp_path: Path) -> None:
    config = site(tmp_path)
    old = config.read_text("utf-8")
    new = old.replace(OLD, NEW).replace("period_s = 5", "period_s = 10")
    names = {load(config).site.name}
    indexes: list[float] = []
    for number in range(10):
        with service(
            tmp_path, "--demo", "--config", str(config), "--state", str(tmp_path / "state"), name=f"run{number}"
        ) as running:
            running.ready()
            assert box(running, "box")["site"]["name"] in {"Gymnase Sud", "Gymnase Nord"}
            values = {value["point"]: value["value"] for value in box(running, "values")}
            index = values.get("water.cold")
            if index is not None:
                indexes.append(index)
            config.write_text(new if number % 2 == 0 else old, "utf-8")
            Client(running.socket).post("commands", Command(f"k{number}", "reload", {}, "marie"))
            for _ in range(number):  # a bit later each time: a question takes some milliseconds
                box(running, "reload")
            running.kill()
        names.add(load(config).site.name)
    assert names == {"Gymnase Sud", "Gymnase Nord"}
    assert indexes == sorted(indexes)
