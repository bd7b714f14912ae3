"""docs/sms-security.md says what the code does: its figures, its files and modes, its commands."""

from __future__ import annotations

import stat
from pathlib import Path

from edge.cli.gateway import ACTS, STATE
from edge.runtime.sms_parts import FOLDER
from edge.store.fs import RealFs
from edge.store.kept_file import KeptFile
from edge.upstream.gateway_sessions import identity_of
from edge.upstream.gateway_store import GatewayStore
from sms.keys import ROUNDS, Identity
from sms.seal import FAILED_MAX
from sms.session import BLOCK
from sms.window import WIDTH
from tests.support import ROOT

PAGE = (ROOT / "docs/sms-security.md").read_text("utf-8")


def test_its_figures_are_those_of_the_code() -> None:
    for figure in (f"{ROUNDS:,} rounds", f"{FAILED_MAX:,} forged", f"{BLOCK} at a time", f"the last {WIDTH:,}"):
        assert figure in PAGE.replace("\n", " ")


def test_its_commands_exist() -> None:
    for act in ("key", "boxes", "accept", "revoke", "roll"):
        assert act in ACTS
        assert f"vigie gateway {act}" in PAGE


def test_what_holds_a_key_can_be_read_by_its_owner_alone_and_says_so(tmp_path: Path) -> None:
    assert f"/var/lib/vigie/{FOLDER}/identity" in PAGE
    assert STATE in PAGE
    made = Identity.kept(KeptFile(RealFs(tmp_path), f"{FOLDER}/identity", "vigie-sms-identity"))
    store = GatewayStore(tmp_path / "gateway.db")
    theirs = identity_of(store)
    store.close()
    secrets = [str(identity.saved()["private"]).encode() for identity in (made, theirs)]
    holding = [
        path for path in tmp_path.rglob("*") if path.is_file() and any(key in path.read_bytes() for key in secrets)
    ]
    assert {path.name for path in holding} >= {"identity", "gateway.db"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}
