"""The one table of orders: every channel and every page that lists them reads it.

The args of a verb stand in the module of its subject.
"""

from __future__ import annotations

from typing import Final

from edge.core.alarm_orders import Ack, AlarmService, Shelve
from edge.core.commands import Verb
from edge.core.maintenance import EquipmentOrder, MaintenanceOrder
from edge.core.meter import MeterCoefficient, MeterExchange, MeterRead, MeterSet
from edge.core.registry import CONFIRM, KEEP, Confirm, Keep
from edge.core.relay import Relay
from edge.core.reload import Reload
from edge.core.setting import Set
from edge.core.tags import TagOrder
from edge.core.tariff_book import TariffSet
from edge.core.timekeeping import TimeSet
from edge.core.trial import Trial
from edge.core.try_out import TryAlarm, TryText

VERBS: Final[dict[str, Verb]] = {
    "ack": Verb(Ack, "operate", {"en": ("ack", "ok"), "fr": ("acquitter", "ok")}),
    "shelve": Verb(Shelve, "operate", {"en": ("shelve",), "fr": ("sommeil",)}, two_step=True),
    "alarm.service": Verb(AlarmService, "configure", {"en": ("service",), "fr": ("service",)}, two_step=True),
    "time.set": Verb(TimeSet, "operate", {"en": ("time",), "fr": ("heure",)}, two_step=True),
    # what it confirms asks for its own right
    CONFIRM: Verb(Confirm, "read", {"en": ("yes",), "fr": ("oui",)}, secret=frozenset({"code"})),
    KEEP: Verb(Keep, "read", {"en": ("keep",), "fr": ("garder",)}),
    "reload": Verb(Reload, "configure", {"en": ("reload",), "fr": ("recharger",)}, two_step=True),
    # limits and programs need the right to configure: edge.core.setting.RIGHT
    "set": Verb(Set, "operate", {"en": ("set",), "fr": ("regler", "régler", "consigne")}, two_step=True),
    "relay": Verb(Relay, "operate", {"en": ("relay",), "fr": ("relais",)}, two_step=True),
    "tariff": Verb(TariffSet, "configure", {"en": ("tariff",), "fr": ("tarif",)}, two_step=True),
    "equipment": Verb(EquipmentOrder, "operate", {"en": ("equipment",), "fr": ("equipement",)}, two_step=True),
    "tag": Verb(TagOrder, "operate", {"en": ("tag",), "fr": ("etiquette",)}),
    "maintenance": Verb(
        MaintenanceOrder, "operate", {"en": ("maintenance", "maint"), "fr": ("maintenance", "maint")}, two_step=True
    ),
    # it changes nothing: an installer with cold hands sends one word
    "test.sms": Verb(TryText, "operate", {"en": ("testtext",), "fr": ("testsms",)}),
    "test.alarm": Verb(TryAlarm, "operate", {"en": ("testalarm",), "fr": ("testalarme",)}),
    "test": Verb(Trial, "operate", {"en": ("test",), "fr": ("test", "essai")}),
    "meter.read": Verb(MeterRead, "operate", {"en": ("reading",), "fr": ("relevé", "releve")}),
    "meter.set": Verb(MeterSet, "configure", {"en": ("index",), "fr": ("index",)}, two_step=True),
    "meter.exchange": Verb(
        MeterExchange, "configure", {"en": ("exchange",), "fr": ("échange", "echange")}, two_step=True
    ),
    "meter.coefficient": Verb(
        MeterCoefficient, "configure", {"en": ("coefficient",), "fr": ("coefficient",)}, two_step=True
    ),
}
