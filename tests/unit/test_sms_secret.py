"""The secret of the reply codes: made once, the same after a restart, made anew where it is damaged."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.reply_codes import SECRET_OCTETS, alarm_code
from edge.links.sms_secret import MAGIC, PATH, secret_of
from edge.store.fs_memory import MemoryFs
from edge.store.kept_file import KeptFile


def test_the_secret_is_made_once_and_is_there_after_a_restart() -> None:
    fs = MemoryFs()
    first = secret_of(KeptFile(fs, PATH, MAGIC))
    assert len(first) == SECRET_OCTETS
    assert secret_of(KeptFile(fs, PATH, MAGIC)) == first
    assert secret_of(KeptFile(MemoryFs(), PATH, MAGIC)) != first, "of each box its own"
    assert alarm_code(first, "boss", [12])


@pytest.mark.parametrize("found", [{}, {"secret": ""}, {"secret": "zz"}, {"secret": 7}, {"secret": "00" * 31}])
def test_what_is_no_secret_is_replaced(found: dict[str, Any]) -> None:
    kept = KeptFile(MemoryFs(), PATH, MAGIC)
    kept.save(found)
    secret = secret_of(kept)
    assert len(secret) == SECRET_OCTETS
    assert kept.load() == {"secret": secret.hex()}
