"""The labels of each mode as data: name -> (role, unit, shape of the data).

Facts from Enedis-NOI-CPT_54E (historique §5, standard §6.2) and from meters' guides; PME/PMI from a real capture and
decoders' lists. They are our own form of them.

Role: what the value does from one frame to the next, which decides how it is believed (`plausible`).
  id       says which meter or delivery point this is
  index    a register that only grows, modulo its width
  tally    grows and starts again by itself (integration period of a PME/PMI meter)
  steady   a word, setting, maximum or mean: stays for many frames
  instant  may be anything in the next frame
  clock    the meter's own time
Shape: "9d" nine digits -> int; "12i" twelve digits kept as text; "6x" hexadecimal; "16t" printable text, padded;
"m" a PME/PMI moment; "u Wh" digits followed by one of these units; "f" a decimal comma; a tuple: one of these words;
"/…" a regular expression. "h" before the shape: the group carries a horodate (standard mode only).
"""

from __future__ import annotations

from typing import Final

Row = tuple[str, str, str | tuple[str, ...]]

_CIRCUITS = tuple(f"BBR{chr(code)}" for code in range(0x28, 0x40))  # 4th character: heat and water circuits

HISTORIQUE: Final[dict[str, Row]] = {
    "ADCO": ("id", "", "12i"),
    "OPTARIF": ("steady", "", ("BASE", "HC..", "EJP.", *_CIRCUITS)),
    "ISOUSC": ("steady", "A", "2d"),
    **dict.fromkeys(
        ("BASE", "HCHC", "HCHP", "EJPHN", "EJPHPM", "BBRHCJB", "BBRHPJB", "BBRHCJW", "BBRHPJW", "BBRHCJR", "BBRHPJR"),
        ("index", "Wh", "9d"),
    ),
    "PEJP": ("steady", "min", "2d"),
    "PTEC": (
        "steady",
        "",
        ("TH..", "HC..", "HP..", "HN..", "PM..", "HCJB", "HPJB", "HCJW", "HPJW", "HCJR", "HPJR"),
    ),
    "DEMAIN": ("steady", "", ("----", "BLEU", "BLAN", "ROUG")),
    **dict.fromkeys(("IINST", "IINST1", "IINST2", "IINST3", "ADPS", "ADIR1", "ADIR2", "ADIR3"), ("instant", "A", "3d")),
    **dict.fromkeys(("IMAX", "IMAX1", "IMAX2", "IMAX3"), ("steady", "A", "3d")),
    "PMAX": ("steady", "W", "5d"),
    "PAPP": ("instant", "VA", "5d"),
    "HHPHC": ("steady", "", ("A", "C", "D", "E", "Y")),
    "MOTDETAT": ("steady", "", "6x"),
    "PPOT": ("steady", "", "2x"),
    # Seen in decoders' lists only; length and unit are not confirmed by a document.
    "GAZ": ("steady", "", "7d"),
    "AUTRE": ("steady", "", "7d"),
}

# HHMM of the day and the actions in hexadecimal, or unused; 54E §6.2.3.8
_BLOCK = r"(?:(?:[01][0-9]|2[0-3])[0-5][0-9][0-9A-F]{4}|NONUTILE)"
_PROFILE = f"/{_BLOCK}(?: {_BLOCK}){{10}}"

STANDARD: Final[dict[str, Row]] = {
    "ADSC": ("id", "", "12i"),
    "VTIC": ("steady", "", "2i"),
    "DATE": ("clock", "", "h0t"),
    "NGTF": ("steady", "", "16t"),
    "LTARF": ("steady", "", "16t"),
    "EAST": ("index", "Wh", "9d"),
    **{f"EASF{n:02}": ("index", "Wh", "9d") for n in range(1, 11)},
    **{f"EASD{n:02}": ("index", "Wh", "9d") for n in range(1, 5)},
    "EAIT": ("index", "Wh", "9d"),
    **{f"ERQ{n}": ("index", "varh", "9d") for n in range(1, 5)},
    **{f"IRMS{n}": ("instant", "A", "3d") for n in range(1, 4)},
    **{f"URMS{n}": ("instant", "V", "3d") for n in range(1, 4)},
    "PREF": ("steady", "kVA", "2d"),
    "PCOUP": ("steady", "kVA", "2d"),
    **dict.fromkeys(("SINSTS", "SINSTS1", "SINSTS2", "SINSTS3"), ("instant", "VA", "5d")),
    **{f"SMAXSN{phase}": ("steady", "VA", "h5d") for phase in ("", "1", "2", "3")},
    **{f"SMAXSN{phase}-1": ("steady", "VA", "h5d") for phase in ("", "1", "2", "3")},
    "SINSTI": ("instant", "VA", "5d"),
    **dict.fromkeys(("SMAXIN", "SMAXIN-1"), ("steady", "VA", "h5d")),
    **dict.fromkeys(("CCASN", "CCASN-1", "CCAIN", "CCAIN-1"), ("steady", "W", "h5d")),
    **{f"UMOY{n}": ("steady", "V", "h3d") for n in range(1, 4)},
    "STGE": ("steady", "", "8x"),
    **{f"{name}{n}": ("steady", "", "h/00") for n in range(1, 4) for name in ("DPM", "FPM")},
    "MSG1": ("steady", "", "32t"),
    "MSG2": ("steady", "", "16t"),
    "PRM": ("id", "", "14i"),
    "RELAIS": ("steady", "", "/[01][0-9][0-9]|2[0-4][0-9]|25[0-5]"),
    "NTARF": ("steady", "", "/0[1-9]|10"),
    "NJOURF": ("steady", "", "/0[0-9]"),
    "NJOURF+1": ("steady", "", "/0[0-9]"),
    "PJOURF+1": ("steady", "", _PROFILE),
    "PPOINTE": ("steady", "", _PROFILE),
}

_WORD = "/[A-Z0-9]{1,8}"
_PERIODS = ("P", "PM", "HH", "HP", "HC", "HPH", "HPD", "HPE", "HCH", "HCD", "HCE", "JA", "000")

PMEPMI: Final[dict[str, Row]] = {
    "ADS": ("id", "", "12i"),
    **dict.fromkeys(("MESURES1", "MESURES2"), ("steady", "", "/[A-Z0-9][A-Z0-9 ]{1,18}")),
    "DATE": ("clock", "", "m"),
    **{f"EA_{way}": ("tally", "Wh", "u Wh") for way in "si"},
    **{f"ER{sign}_{way}": ("tally", "varh", "u varh") for sign in "+-" for way in "si"},
    **{f"EAPP_{way}": ("tally", "VAh", "u VAh") for way in "si"},
    **dict.fromkeys(("PTCOUR1", "PTCOUR2", "ETATDYN1", "ETATDYN2"), ("steady", "", _PERIODS)),
    "TARIFDYN": ("steady", "", ("INACTIF", "ACTIF")),
    **dict.fromkeys(("PREAVIS", "PREAVIS1", "PREAVIS2"), ("steady", "", _WORD)),
    **dict.fromkeys(("TDYN1CD", "TDYN1CF", "TDYN1FD", "TDYN1FF"), ("steady", "", "/[0-9/: ]{14,17}[A-Z0-9 ]{0,6}")),
    "MODE": ("steady", "", ("CONTROLE", "TEST")),
    "CONFIG": ("steady", "", ("CONSO", "PROD")),
    **{f"DATEPA{n}": ("steady", "", "m") for n in range(1, 7)},
    **{f"PA{n}_{way}": ("steady", "kW", "u kW") for n in range(1, 7) for way in "si"},
    **dict.fromkeys(("DebP", "DebP-1", "FinP-1", "DebP_2", "DebP-1_2", "FinP-1_2"), ("steady", "", "m")),
    **{f"EAP_{way}": ("index", "kWh", "u kWh") for way in ("s", "i", "s2")},
    **{f"ER{sign}P_{way}": ("index", "kvarh", "u kvarh") for sign in "+-" for way in "si"},
    # The index at the end of the last billing period stands still until the next one ends.
    **{f"EAP-1_{way}": ("steady", "kWh", "u kWh") for way in ("s", "i", "s2")},
    **{f"ER{sign}P-1_{way}": ("steady", "kvarh", "u kvarh") for sign in "+-" for way in "si"},
    "PS": ("steady", "kVA", "u kVA kW"),
    "PA1MN": ("instant", "kW", "u kW"),
    **{f"PMAX_{way}": ("steady", "kVA", "u kVA kW") for way in "si"},
    **{f"TGPHI_{way}": ("steady", "", "f") for way in "si"},
}
