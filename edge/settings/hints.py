"""Did you mean …: from a word that is not known to the one that was probably meant.

People write the word of their trade or language (seuil, sonde, broker, broche); such words lead to ours before likeness
of letters is tried.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

LIKENESS: Final = 0.6  # difflib's ratio from which a word is offered

SYNONYMS: Final[dict[str, str]] = {
    # tables
    "point": "sensor sensors capteur capteurs sonde sondes probe probes variable variables voie voies points mesure",
    "limit": "threshold thresholds seuil seuils limits limite limites alarm alarms alarme alarmes high low haut bas",
    "output": "relay relays relais sortie sorties outputs",
    "bus": "buses busses interface",
    "calculated": "calcule calcules computed computation virtual virtuel formula formule calcul",
    "properties": "proprietes property tags attributes metadata labels",
    "scale_points": "scaling two_points points_echelle calibration",
    "box": "station device boitier raspberry",
    "site": "batiment building",
    "history": "historique archive retention",
    "network": "reseau lan wifi wlan ethernet",
    "access": "acces ssh login",
    "start": "demarrage depart first_boot",
    "link": "links liaison liaisons upstream mqtt broker server serveur",
    "mqtt": "mosquitto broker",
    # keys
    "id": "ident identifier identifiant",
    "name": "nom libelle title titre",
    "driver": "type sensor_type model modele pilote chip",
    "pin": "gpio broche bcm gpio_pin",
    "unit": "unite units",
    "scale": "factor facteur coefficient coeff multiplier",
    "period_s": "interval periode every poll frequence",
    "record_s": "enregistrement log_s save_s",
    "kind": "type sens",
    "value": "valeur threshold seuil limit limite",
    "at": "limit_point seuil_point",
    "of": "from setpoint consigne reference",
    "or_equal": "inclusive or_equals ou_egal egal",
    "direction": "sens side way",
    "over_s": "window_s fenetre fenetre_s during_s pendant_s",
    "per": "par unit_time",
    "rest_s": "pause pause_s repos repos_s",
    "latch": "memorise verrouille hold",
    "expression": "condition formula formule expr equation calcul",
    "deadband": "hysteresis hysterese",
    "on_delay_s": "delay delai retard temporisation tempo",
    "priority": "prio priorite severity gravite",
    "diagnosis": "diagnostic cause",
    "weight": "poids pulse_weight impulsion",
    "label": "etiquette tag",
    "probe": "rom sonde serial_number",
    "address": "adresse addr i2c_address",
    "input": "entree ain voie",
    "channel": "canal measure mesure",
    "number": "numero",
    "port": "tty device peripherique",
    "path": "folder dossier chemin",
    "ssid": "essid wifi_name nom_wifi",
    "country": "pays",
    "apn": "access_point_name point_acces",
    "ssh_keys": "ssh_key authorized_keys cle_ssh cles_ssh",
    "meter": "compteur compteurs counter",
    "index": "releve base_index index_base reading",
    "host": "broker hostname server serveur url ip hote",
    "username": "user login utilisateur",
    "password": "passwd mot_de_passe passphrase psk wifi_password",
    "password_file": "password passwd mot_de_passe",
    "ca_file": "ca cafile ca_cert ca_certs certificate",
    "cert_file": "cert certfile certificat",
    "key_file": "key keyfile cle",
    "tls": "ssl secure mqtts",
    "tz": "timezone time_zone fuseau",
    "lang": "language langue",
    "place": "lieu location emplacement",
    "equipment": "equipement equipements machine machines",
    "words": "mots states etats",
    # words that stand as values
    "teleinfo": "linky tic",
    "onewire": "1wire 1_wire w1 one_wire",
    "ds18b20": "ds18s20 ds1822 ds1825 ds28ea00 max31850 dallas",
    "sht3x": "sht30 sht31 sht35",
    "contact": "switch input door porte",
    "pulse": "pulses impulsion impulsions compteur",
    "ads1115": "adc",
    "bme280": "bmp280",
    "scd4x": "scd40 scd41",
    "ds3231": "rtc",
    "high": "haut haute above over max",
    "low": "bas basse below under min",
    "equal": "egal eq ==",
    "not_equal": "different ne !=",
    "high_high": "hh hihi tres_haut haut_haut",
    "low_low": "ll lolo tres_bas bas_bas",
    "rate": "roc gradient derive vitesse variation slope pente",
    "deviation": "ecart difference delta",
    "consumption": "conso consommation usage",
    "never_zero": "leak fuite sans_pause never_0",
    "subscribed": "souscrite puissance_souscrite contract contrat",
    "stale": "muet old",
    "fault": "panne defaut error",
}


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that was probably meant, or None when nothing is near.

    >>> nearest("peroid_s", ["period_s", "record_s"]), nearest("seuil", ["limit", "point"]), nearest("xyz", ["limit"])
    ('period_s', 'limit', None)
    """
    known = list(candidates)
    return translated(word, known) or _alike(word, known)


def translated(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that is this word but for case, accents or ending, or that it is a synonym of."""
    plain = _plain(word)
    known = list(candidates)
    for candidate in known:
        if _plain(candidate) == plain:
            return candidate
    for candidate in known:
        if plain in SYNONYMS.get(candidate, "").split():
            return candidate
    for candidate in known:
        if plain and candidate.startswith(f"{plain}_"):  # period for period_s, password for password_file
            return candidate
    return None


def _plain(word: str) -> str:
    """Return the word without case, accents, hyphens and spaces."""
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("-", "_").replace(" ", "_")


def _alike(word: str, candidates: list[str]) -> str | None:
    import difflib  # only a file with a fault needs it

    by_plain = {_plain(candidate): candidate for candidate in candidates}
    found = difflib.get_close_matches(_plain(word), by_plain, n=1, cutoff=LIKENESS)
    return by_plain[found[0]] if found else None
