"""Téléinfo (TIC), the serial stream of French electricity meters: historique, standard and PME/PMI. Opens nothing."""

from __future__ import annotations
