"""All cases, by class."""

from __future__ import annotations

from hostile import (
    damaged,
    death,
    endless,
    forged,
    honest,
    inputs,
    memory,
    messages,
    network,
    patching,
    peeking,
    resources,
    secrets,
    stores,
    strange,
    tampering,
    values,
    writing,
)
from hostile.case import Case

CLASSES: dict[str, tuple[Case, ...]] = {
    "forged": forged.CASES,
    "tampering": tampering.CASES + patching.CASES + messages.CASES + values.CASES,
    "secrets": secrets.CASES + peeking.CASES + inputs.CASES,
    "writing": writing.CASES + stores.CASES,
    "network": network.CASES,
    "resources": resources.CASES + memory.CASES,
    "death": death.CASES + endless.CASES,
    "damaged": damaged.CASES + strange.CASES,
    "honest": honest.CASES,
}
CASES = {f"{kind}-{case.name}": case for kind, cases in CLASSES.items() for case in cases}
