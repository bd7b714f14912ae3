"""A damaged file of the SMS link is in the journal: what was taken instead is known, not only logged."""

from __future__ import annotations

import pytest

from edge.runtime.sms_parts import tell_damage
from edge.settings import catalogue
from edge.store.kept_file import KeptFile
from hal.sample import Notice
from tests.sms_link_rig import Rig


@pytest.mark.parametrize(("spoilt", "taken"), [((), ""), (("",), "before"), (("", ".bak"), "made_anew")])
def test_a_damaged_file_is_told_with_what_was_taken_instead(spoilt: tuple[str, ...], taken: str) -> None:
    rig = Rig()
    kept = KeptFile(rig.disk, "sms/other", "vigie-sms-queue")
    for number in range(2):
        kept.save({"n": number})
    for suffix in spoilt:
        file = rig.disk.open(f"sms/other{suffix}")
        file.pwrite(b"x", 3)
        file.close()
    kept.load()
    assert tell_damage(rig.sync._feed, kept, "other") == (["other"] if taken else [])
    told = [one for one in rig.posted if isinstance(one, Notice) and one.kind == "store_damaged"]
    assert [one.values["done"] for one in told] == ([taken] if taken else [])
    for one in told:
        assert "sms/other is damaged" in catalogue.render("en", "event.store_damaged", one.values)
