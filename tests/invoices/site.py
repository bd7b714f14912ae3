"""The sites of the three invoices, as installers write them, and what was billed."""

from __future__ import annotations

from decimal import Decimal

HEAD = """
[box]
id = "b0042"
[site]
name = "Salle Nord"
tz = "Europe/Paris"
[bus.meter1]
kind = "serial"
port = "/dev/serial/by-id/meter1"
"""


def register(point: str, label: str) -> str:
    return f"""
[[point]]
id = "{point}"
bus = "meter1"
driver = "teleinfo"
label = "{label}"
unit = "kWh"
scale = 0.001
"""


def tariff(since: str, subscription: str, cta: str, vat_on_it: str, excise: str, prices: str, points: str) -> str:
    return f"""
[[tariff]]
id = "elec"
valid_from = {since}
currency = "EUR"
unit = "kWh"
with_tax = false
vat = 20
subscription_vat = {vat_on_it}
subscription = {subscription}
charges = {{ CTA = {cta} }}
taxes = {{ accise = {excise} }}
prices = {{ {prices} }}
points = {{ {points} }}
"""


BASE = (
    HEAD
    + register("tic.base", "BASE")
    + tariff("2025-02-01", "11.49", "1.51", "5.5", "0.03370", "BASE = 0.1343", 'BASE = "tic.base"')
    + tariff("2025-08-01", "11.40", "1.49", "20", "0.02998", "BASE = 0.1327", 'BASE = "tic.base"')
)
BASE_BILLED = {
    "subscription": "22.89", "CTA": "3.00", "BASE": "45.66", "accise": "10.89", "vat 5.5": "0.72", "vat 20": "13.89",
    "total": "97.05",
}  # fmt: skip

HPHC_POINTS = 'HP = "tic.hp", HC = "tic.hc"'
HPHC = (
    HEAD
    + register("tic.hp", "HCHP")
    + register("tic.hc", "HCHC")
    + tariff("2025-02-01", "14.95", "1.87", "5.5", "0.03370", "HP = 0.1451, HC = 0.1076", HPHC_POINTS)
    + tariff("2025-08-01", "14.83", "1.85", "20", "0.02998", "HP = 0.1434, HC = 0.1063", HPHC_POINTS)
)
HPHC_BILLED = {
    "subscription": "29.92", "CTA": "3.74", "HP": "78.55", "HC": "36.88", "accise": "28.14", "vat 5.5": "0.60",
    "vat 20": "33.27", "total": "211.10",
}  # fmt: skip

COLOURS = ("HCJB", "HPJB", "HCJW", "HPJW", "HCJR", "HPJR")
TEMPO_POINTS = ", ".join(f'{name} = "tic.{name.lower()}"' for name in COLOURS)


def tempo_prices(*prices: str) -> str:
    return ", ".join(f"{name} = {price}" for name, price in zip(COLOURS, prices, strict=True))


TEMPO = (
    HEAD
    + "".join(register(f"tic.{name.lower()}", f"BBR{name}") for name in COLOURS)
    + tariff(
        "2025-08-01", "16.50", "1.85", "20", "0.02998",
        tempo_prices("0.0727", "0.0945", "0.0859", "0.1142", "0.0917", "0.5090"), TEMPO_POINTS,
    )
    + tariff(
        "2026-02-01", "16.80", "1.27", "20", "0.03085",
        tempo_prices("0.0796", "0.1035", "0.0941", "0.1251", "0.1004", "0.5575"), TEMPO_POINTS,
    )
)  # fmt: skip
TEMPO_BILLED = {
    "subscription": "33.30", "CTA": "3.12", "HCJB": "29.65", "HPJB": "59.41", "HCJW": "16.53", "HPJW": "31.23",
    "HCJR": "11.31", "HPJR": "36.62", "accise": "49.36", "vat 20": "54.11", "total": "324.64",
}  # fmt: skip

BASE_READ = {"BASE": "20100:20442"}
HPHC_READ = {"HP": "12345:12578:12890", "HC": "9876:10034:10221"}
TEMPO_READ = {
    "HCJB": "5000:5203:5390", "HPJB": "8000:8311:8601", "HCJW": "1000:1096:1184", "HPJW": "2000:2142:2262",
    "HCJR": "300:361:418", "HPJR": "150:188:219",
}  # fmt: skip


def readings(texts: dict[str, str]) -> dict[str, list[Decimal]]:
    return {name: [Decimal(part) for part in text.split(":")] for name, text in texts.items()}
