"""Tidewater: the generated data world of the course.

`make_world` makes one, `tidewater.real.load` gives the real data beside it.
"""

from __future__ import annotations

from tidewater.incident_kinds import KINDS as INCIDENTS
from tidewater.incidents import Incident
from tidewater.world import World, make_world

__all__ = ["INCIDENTS", "Incident", "World", "make_world"]
