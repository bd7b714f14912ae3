"""The power goes while the card is taken: no secret is lost, nothing is half there, the next start ends it."""

from __future__ import annotations

import errno

import pytest

from edge.runtime.card_state import CardMemory
from edge.runtime.card_take import SETTINGS
from edge.settings.faults import SettingsError
from edge.settings.load import loads
from edge.store.checked import replace_file
from edge.store.fs_memory import MODELS, Fault, MemoryFs, prefixes
from tests.card_rig import GOOD, Rig

OLD = GOOD.replace("Gymnase Sud", "Before").replace("mqtt-secret", "mqtt-before")
SECRETS = {"mqtt-password": "mqtt-secret", "network-password": "wifi-secret"}


def found_after(disk: MemoryFs) -> Rig:
    """Return the card and the box of a disk that a cut left, as the start finds them."""
    for folder in ("boot", "root", "root/etc/vigie", "root/etc/vigie/secrets"):
        disk.mkdir(folder)
    return Rig(disk)


def secret_is_somewhere(rig: Rig, name: str, value: str) -> bool:
    path = f"etc/vigie/secrets/{name}"
    return (rig.root.exists(path) and rig.on_box(path) == value) or f'"{value}"' in rig.on_card()


@pytest.mark.parametrize("before", [None, OLD], ids=["first start", "a box with settings"])
def test_a_cut_at_each_write_loses_no_secret_and_leaves_good_settings_or_those_of_before(before: str | None) -> None:
    rig = Rig()
    if before is not None:
        rig.put("vigie.toml", before)
        rig.take()
    rig.put("vigie.toml", GOOD)
    start = rig.disk.after_cut("kept")
    rig.disk.calls = []
    rig.take()
    calls, wanted, card = rig.disk.calls, rig.on_box(), rig.on_card()
    assert len(calls) > 20
    for at, disk in enumerate(prefixes(calls, start)):
        for model in {"lost", MODELS[at % len(MODELS)]}:
            rig = found_after(disk.after_cut(model, at))
            where = (at, model)
            if rig.root.exists(SETTINGS):
                assert loads(rig.on_box()).site.name in {"Before", "Gymnase Sud"}, where
            else:
                assert before is None, where
            for name, value in SECRETS.items():
                assert secret_is_somewhere(rig, name, value), where
            assert rig.take().state in {"applied", "unchanged"}, where
            assert (rig.on_box(), rig.on_card()) == (wanted, card), where
            assert {name: rig.on_box(f"etc/vigie/secrets/{name}") for name in SECRETS} == SECRETS, where
            assert (
                sorted(act.verb for act in CardMemory(rig.root).load().acts.values())
                == ["meter.set", "test", "test"][: 2 + (before is not None)]
            ), where


@pytest.mark.parametrize("call", ["open", "pwrite", "fdatasync", "rename", "fsync_dir"])
def test_a_disk_that_takes_nothing_keeps_the_settings_of_before(call: str) -> None:
    rig = Rig()
    rig.put("vigie.toml", OLD)
    rig.take()
    rig.put("vigie.toml", GOOD)
    rig.disk.fail(Fault(call, errno.ENOSPC, path="root/etc/vigie", times=1))
    with pytest.raises(OSError, match="No space left"):
        rig.take()
    assert loads(rig.on_box()).site.name == "Before"
    assert '"mqtt-secret"' in rig.on_card()
    assert rig.take().state == "applied"
    assert '"mqtt-secret"' not in rig.on_card()


def test_a_card_that_takes_no_write_is_taken_all_the_same() -> None:
    rig = Rig()
    rig.put("vigie.toml", GOOD)
    rig.disk.fail(Fault("open", errno.EROFS, path="boot/vigie.toml.tmp", times=2))
    assert rig.take().state == "applied"
    assert rig.on_card() == GOOD
    assert rig.take().state == "unchanged", "what was left undone is tried again"
    assert rig.on_card() == GOOD
    rig.take()
    assert "mqtt-secret" not in rig.on_card()


@pytest.mark.parametrize("data", ["missing", "damaged", "foreign"])
def test_where_nothing_lasts_the_secrets_stay_on_the_card(data: str) -> None:
    rig = Rig()
    rig.put("vigie.toml", GOOD)
    rig.data = data
    verdict = rig.take()
    assert (verdict.state, verdict.data) == ("no_data", data)
    assert rig.on_card() == GOOD
    assert loads(rig.on_box()).box.id == "b0042", "the box runs and sends what it can"
    assert not CardMemory(rig.root).load().acts, "an index that would be gone with the power is not set"


@pytest.mark.parametrize("data", ["missing", "damaged", "foreign"])
def test_a_box_whose_data_partition_dies_goes_on_with_its_card_s_settings_without_their_secrets(data: str) -> None:
    rig = Rig()
    rig.put("vigie.toml", GOOD)
    rig.take()
    cleaned = rig.on_card()
    assert "mqtt-secret" not in cleaned
    ram = Rig()
    ram.put("vigie.toml", cleaned)
    ram.data = data
    verdict = ram.take()
    assert (verdict.state, verdict.data, verdict.faults, verdict.is_configured) == ("no_data", data, 0, True)
    assert loads(ram.on_box()).box.id == "b0042", "it measures, switches and warns, though a link may lack its password"
    assert ram.on_card() == cleaned
    assert ram.boot.listdir("") == ["vigie.toml"], "nobody is told of a card of another box"


def test_settings_in_force_that_are_damaged_are_no_reason_to_stop() -> None:
    rig = Rig()
    rig.put("vigie.toml", GOOD)
    rig.take()
    rig.disk.images[rig.disk.names[f"root/{SETTINGS}"]].write(b"\0\xff", 5)
    with pytest.raises((SettingsError, UnicodeDecodeError)):
        loads(rig.on_box())
    assert rig.take().state == "applied", "the card still has them"
    assert loads(rig.on_box())


def test_good_settings_that_were_changed_on_the_box_stay_until_the_card_changes() -> None:
    rig = Rig()
    rig.put("vigie.toml", GOOD)
    rig.take()
    replace_file(rig.root, SETTINGS, rig.on_box().replace("pin = 17", "pin = 16").encode())
    assert rig.take().state == "unchanged"
    assert "pin = 16" in rig.on_box()
    rig.put("vigie.toml", rig.on_card().replace("pin = 17", "pin = 18"))
    assert rig.take().state == "applied"
    assert "pin = 18" in rig.on_box()
