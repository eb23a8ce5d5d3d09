"""Public holidays of a country or one of its regions, from the `holidays` library."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays


def is_region(code: str) -> bool:
    """Return whether the code names a supported country ("ES") or region ("ES-MD")."""
    country, dash, region = code.partition("-")
    supported = _supported().get(country)
    return supported is not None and (not dash or region in supported)


@lru_cache(maxsize=256)
def public_holidays(code: str, year: int) -> frozenset[date]:
    """Return the public holidays of a region in a year; none for the code ""."""
    if not code:
        return frozenset()
    country, _, region = code.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))


@lru_cache(maxsize=1)
def _supported() -> dict[str, frozenset[str]]:
    listed = holidays.list_supported_countries(include_aliases=False)
    return {country: frozenset(regions) for country, regions in listed.items()}
