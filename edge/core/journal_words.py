"""The journal's vocabulary: every kind of event, and the values that it may carry.

One table, so that whoever reads the journal, here or upstream, knows what can come: `docs/reference/mqtt.md` tells the
same, and each kind has its sentence "event.<kind>" in every language of the text catalogue. An act of a person or a
server also says who (`author`), by which way (`channel`), and what was and is (`before`, `after`).
"""

from __future__ import annotations

from typing import Final

import msgspec

ACT: Final = frozenset({"author", "channel", "before", "after"})
GAP: Final = "gap"
"""Not an event: the journal's line for entries that are no longer held, `first`..`last` and `why`."""


class Kind(msgspec.Struct, frozen=True):
    """The values that always stand in an event of this kind, and those that may."""

    always: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        """All names that may stand in it."""
        return self.always | self.may


def _kind(always: str = "", may: str = "", more: frozenset[str] = frozenset()) -> Kind:
    return Kind(frozenset(always.split()), frozenset(may.split()) | more)


_ALARM: Final = "id limit kind prio"
_FACTS: Final = "v word u at or_equal why diagnosis reading of of_v per over_ms for_ms expression inputs"
"""What was compared with what, by the kind of the limit (`edge.core.measure`)."""
_PAGE: Final = (
    "id limit kind prio v u at or_equal word why diagnosis per begin_ms begun_ms end_ms for_ms peak peak_ms by ack_ms "
    "begins last points of passed failing stored_s link count ids ended ack reminder reminders next next_ms told about"
)
"""What a text tells of one alarm or of several (`edge.core.page_facts`), and which alarms its code acknowledges."""
_TAG: Final = "equipment points begin_ms"

KINDS: Final[dict[str, Kind]] = {
    "start": _kind("version boot"),
    "stop": _kind(),
    "card_refused": _kind("faults", "file"),
    "card_no_data": _kind("data"),
    "unclean_stop": _kind("boot", "seen_ms seen_trust"),
    "clock": _kind("boot utc_ms source", "step_ms before author channel"),
    "alarm_begin": _kind(_ALARM, f"{_FACTS} first after shelved suppressed out_of_service"),
    "alarm_end": _kind(_ALARM, f"{_FACTS} peak lasted_ms begins first"),
    "alarm_ack": _kind("id limit kind prio active", "diagnosis", ACT),
    "alarm_latch": _kind(f"{_ALARM} latched"),
    "alarm_chatter": _kind(f"{_ALARM} begins within_ms"),
    "alarm_chatter_end": _kind(f"{_ALARM} begins"),
    "alarm_shelve": _kind("limit for_ms reason author channel", "id"),
    "alarm_unshelve": _kind("limit why", "id author channel"),
    "alarm_out_of_service": _kind("limit reason author channel", "id"),
    "alarm_in_service": _kind("limit", "id why reason author channel"),
    "alarm_notify": _kind("what prio count", "ids ended chattering reminded first n of"),
    "page": _kind("to what", _PAGE),
    "page_gave_up": _kind("ids count to"),
    "page_sent": _kind("to what page fate", "link ids about"),
    "page_merged": _kind("to pages count", "link ack"),
    "alarm_suppress": _kind(f"{_ALARM} by"),
    "alarm_unsuppress": _kind(f"{_ALARM} by"),
    "test_begin": _kind("by channel"),
    "test_button": _kind(),
    "test_end": _kind("passed points of by channel", "failing stored_s link v u"),
    "command": _kind("id verb done text", "args", ACT),
    "program": _kind("program", "to v u"),
    "program_waits": _kind("programs"),
    "rule": _kind("rule limit", "to v u was v_was for_ms"),
    "rule_fallback": _kind("rule source why to"),
    "rule_back": _kind("rule source"),
    "setpoint_reset": _kind("was v"),
    "limit_reset": _kind("limit was", "v"),
    "command_flood": _kind("count", "author channel"),
    "command_undone": _kind("id"),
    "sms_stranger": _kind("", "number count link"),
    "sms_lockout": _kind("author for_ms", "link"),
    "sms_flood": _kind("", "author count link"),
    "state": _kind("v was", "word was_word"),
    "output_order_end": _kind("why to", "author channel"),
    "output_safe": _kind("why lasted_ms", "to author channel"),
    "output_mismatch": _kind("wanted is"),
    "output_agrees": _kind("is lasted_ms"),
    "output_lost": _kind("why", "text"),
    "output_back": _kind(),
    "equipment": _kind("equipment before after cause", "alarm limit reason work until_ms", ACT),
    "maintenance_reminder": _kind("equipment until_ms left_ms", "author channel reason"),
    "maintenance_extended": _kind("equipment until_ms", "was_ms author channel"),
    "service_due": _kind("equipment ran_h every_h"),
    "tag_open": _kind("id name", f"{_TAG} author channel"),
    "tag_close": _kind("id name", f"{_TAG} end_ms author channel"),
    "tag_correct": _kind(
        "id name", f"{_TAG} end_ms name_was equipment_was points_was begin_ms_was end_ms_was author channel"
    ),
    "counter_rollover": _kind("was index"),
    "meter_read": _kind("value index drift u author channel", "pulses percent at"),
    "meter_set": _kind("value index drift was now u author channel", "pulses percent at"),
    "meter_exchange": _kind("old new index u author channel", "was now pulses"),
    "meter_coefficient": _kind("factor from u per author channel", "was"),
    "index_held": _kind("index u"),
    "meter_changed": _kind("", "was index bus label before after"),
    "tic_mode": _kind("bus mode baud"),
    "tic_unsupported": _kind("bus meter labels"),
    "several_meters": _kind("bus numbers"),
    "serial_no_parity": _kind("bus port"),
    "device_lost": _kind("bus device why", "text"),
    "device_back": _kind("bus device"),
    "probe_new": _kind("bus device driver"),
    "probe_swapped": _kind("bus device driver was"),
    "probe_copy": _kind("bus device", "bytes"),
    "probes_one_by_one": _kind("bus master why count"),
    "fault": _kind("worker", "text"),
    "store_degraded": _kind("why"),
    "store_ok": _kind("lasted_s lost"),
    "reboot_wanted": _kind("why lasted_s uptime_s"),
    "update_installed": _kind("version slot was"),
    "update_committed": _kind("version slot was"),
    "update_rolled_back": _kind("version slot why"),
    "update_refused": _kind("why", "version"),
    "system_lost": _kind("slot runs version"),
    "store_damaged": _kind("log file what done", "first last aside"),
    "store_small": _kind("log asked_mb got_mb"),
    "history_degraded": _kind("why"),
    "history_ok": _kind("lasted_s"),
    "history_rebuilt": _kind("why first", "blocks unreadable"),
    "link_up": _kind("link down_s"),
    "link_down": _kind("link code"),
    "link_refused": _kind("link code"),
    "link_problem": _kind("link code"),
    "link_problem_end": _kind("link code"),
    "sms_budget": _kind("link purpose waiting sent month"),
    "sms_budget_end": _kind("link sent month"),
    "sms_unread": _kind("link", "why number raw count"),
    "sms_test": _kind("counter"),
    "sms_answer": _kind("order verb outcome text"),
    "modem_fault": _kind("code", "link"),
    "modem_cure": _kind("code cure", "link"),
    "modem_given_up": _kind("code again_s", "link"),
    "modem_ok": _kind("code lasted_s", "link"),
    "sms_refused": _kind("link", "why number raw count"),
    "sms_paired": _kind("link number"),
    "sms_gap": _kind("first last"),
    "duplicate_id": _kind("link seen"),
    "duplicate_id_end": _kind("link"),
    "consumer_ahead": _kind("link stream told next"),
    "consumer_behind": _kind("link stream told"),
    "entry_parked": _kind("link stream seq why"),
    "reload": _kind("", "added removed changed author channel"),
    "reload_refused": _kind("state", "count text author channel"),
    "settings_changed": _kind("key author", "before after more"),
    "tariff_changed": _kind("id version valid_from prices", "until", ACT),
    "device_added": _kind("bus device driver", "serial"),
    "device_removed": _kind("bus device driver", "serial"),
    "calibration": _kind(
        "", "scale_was scale_is pulse_weight_was pulse_weight_is offset_was offset_is unit_was unit_is"
    ),
    "notebook_damaged": _kind("taken", "kept_as"),
    "notebook_refused": _kind("text"),
    "registers_from_copy": _kind("index"),
    "restored": _kind("from version counters", "taken_ms taken_trust gap_ms"),
    "restored_index": _kind("backup index how", "here"),
}
