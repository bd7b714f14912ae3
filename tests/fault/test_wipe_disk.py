"""A wipe on a real ext4, looked for octet by octet on the disk under it: with --fill nothing is left."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.notes import MadeSetting
from edge.runtime.wiping import known
from edge.store.erasing import Search
from edge.store.fs import RealFs
from edge.store.notebook import Notebook
from tests.disks import make_ext4, mounted, skip_without_disks
from tests.unit.test_restore import NOW
from tests.unit.test_wipe import METER, TEXT, kept

SAVES = 40
SECRET_OF_SITE = "limit-of-the-cellar"


def used(folder: Path) -> tuple[Path, Path]:
    """Return state and settings of a site on this disk whose notebook was saved many times, and moved each time."""
    folder.mkdir()
    state, config = kept(folder)
    notebook = Notebook(RealFs(state))
    for number in range(SAVES):
        notebook.put_setting(MadeSetting(f"{SECRET_OF_SITE}-{number}", METER, NOW, TEXT))
        notebook.save()
        os.sync()  # each version reaches blocks of its own
    return state, config


def on_the_disk(image: Path, values: list[str]) -> dict[str, int]:
    search = Search([*values, SECRET_OF_SITE])
    search.file(image)
    return {hit.what: hit.count for hit in search.hits}


@pytest.mark.parametrize("fill", [True, False])
def test_after_a_wipe_the_raw_disk_holds_nothing_where_its_free_space_was_filled(
    tmp_path: Path, fill: bool, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_disks()
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    image, folder = tmp_path / "card.img", tmp_path / "card"
    make_ext4(image, 48)
    with mounted(image, folder):
        state, config = used(folder / "box")
        values = known(state, config).values
    before = on_the_disk(image, values)
    assert before[METER] > SAVES / 2
    assert before[SECRET_OF_SITE] > SAVES
    assert before["frames of the logs"] >= 2
    with mounted(image, folder) as disk:
        free = shutil.disk_usage(folder).free
        reserve = Path(f"/sys/fs/ext4/{Path(disk.device).name}/reserved_clusters")
        reserved = reserve.read_text(encoding="ascii")
        words = ["--state", str(state), "--config", str(config), "--settings", "--yes", "--json"]
        code = main(["wipe", *words, *(["--fill"] if fill else []), "--device", disk.device])
        facts = json.loads(capsys.readouterr().out)
        assert shutil.disk_usage(folder).free >= free, "the disk has its free space again"
        assert reserve.read_text(encoding="ascii") == reserved
        assert [path.name for path in (folder / "box").rglob("*")] == ["state"]
    after = on_the_disk(image, values)
    print(f"on the raw disk before: {sum(before.values())}, after{' --fill' if fill else ''}: {sum(after.values())}")
    assert facts["searched"] >= 48 << 20
    if fill:
        assert after == {}
        assert (code, facts["found"]) == (0, [])
        assert facts["filled"] > 20 << 20
    else:
        assert after, "versions that the file system moved away are still there: that is what --fill is for"
        assert code == 1
        assert METER in {hit["what"] for hit in facts["found"]}
