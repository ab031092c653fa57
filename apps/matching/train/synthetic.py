"""Synthetic goods, used if no data is given: the same seed gives the same table.

Both sides describe a lot in their own words. Sellers abbreviate, drop or move words and write codes in different
ways, and both sides omit fields. A match has the product and code of the requirement, and any stated price,
quantity, grade and distance fit. Similar text with another product, or the same product at the wrong price, does
not match, so text similarity alone is not sufficient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["REQUIREMENTS", "generate"]

REQUIREMENTS = 700
PRODUCTS = 240
CHOICES = 6
"""Availabilities per requirement. In three of four cases, one of them matches."""
GOODS = {
    "rice": ("quintal", 4000.0, ("sona masuri", "basmati", "ponni", "kolam", "matta")),
    "onion": ("quintal", 1800.0, ("nashik red", "bellary red", "white", "small sambar")),
    "cotton": ("quintal", 6500.0, ("shankar", "bunny", "suvin", "medium staple")),
    "oil": ("litre", 130.0, ("groundnut", "sesame", "mustard", "sunflower", "coconut")),
    "pump": ("piece", 9500.0, ("submersible", "monoblock", "centrifugal", "solar")),
    "sprayer": ("piece", 3200.0, ("knapsack", "battery", "power", "trolley")),
}
WORDS = (
    "fresh",
    "premium",
    "export",
    "cleaned",
    "sorted",
    "packed",
    "bag",
    "bulk",
    "dry",
    "new",
    "standard",
    "select",
)
PACKS = ("", "", "25 kg bags", "bag 25kg", "50kg", "10 kg pack", "5 l can")
TERMS = {
    "price": ("price",),
    "quantity": ("quantity",),
    "quality": ("quality",),
    "place": ("latitude", "longitude"),
}
"""Optional parts of either side, and their columns."""
MAKERS = ("kaveri", "godavari", "annapurna", "sahyadri", "deccan", "malabar", "vindhya", "konkan")


def generate(seed: int) -> pd.DataFrame:
    """Return 4,200 labelled pairs in the plain layout."""
    rng = np.random.default_rng(seed)
    products = [_product(rng) for _ in range(PRODUCTS)]
    rows = []
    for _ in range(REQUIREMENTS):
        wanted = products[rng.integers(PRODUCTS)]
        requirement = _lot(rng, wanted, messy=False)
        unsaid = [name for name in TERMS if rng.random() < 0.2]
        alike = [one for one in products if one["commodity"] == wanted["commodity"] and one is not wanted]
        for choice in range(CHOICES):
            rows.append(_pair(rng, requirement, unsaid, wanted, alike, choice))
    return pd.DataFrame(rows)


def _pair(
    rng: np.random.Generator,
    requirement: dict[str, Any],
    unsaid: list[str],
    wanted: dict[str, Any],
    alike: list[Any],
    choice: int,
) -> dict[str, Any]:
    """Return a match first, then the same product on wrong terms, then other products of the commodity."""
    spoiled = choice == 1 and len(unsaid) < len(TERMS)
    same = spoiled or (choice == 0 and rng.random() < 0.75)
    product = wanted if same else alike[rng.integers(len(alike))]
    lot = _lot(rng, product, messy=True)
    near = {
        "price": requirement["price"],
        "latitude": requirement["latitude"],
        "longitude": requirement["longitude"],
    }
    lot["price"] = round(near["price"] * float(np.exp(rng.normal(0, 0.08))), 2)
    lot["quantity"] = round(requirement["quantity"] * float(np.exp(abs(rng.normal(0.2, 0.3)))), 1)
    lot["quality"] = round(min(1.0, requirement["quality"] + float(abs(rng.normal(0, 0.1)))), 2)
    for name in ("latitude", "longitude"):
        lot[name] = round(near[name] + float(rng.normal(0, 0.7)), 4)
    if spoiled:
        _spoil(rng, lot, [name for name in TERMS if name not in unsaid])
    # A wrong term is always stated.
    left_out = [name for name in TERMS if not spoiled and rng.random() < 0.1]
    sides = {"requirement": _without(requirement, unsaid), "availability": _without(lot, left_out)}
    row = {f"{side}_{name}": value for side, fields in sides.items() for name, value in fields.items()}
    return {**row, "label": int(same and choice == 0)}


def _spoil(rng: np.random.Generator, lot: dict[str, Any], terms: list[str]) -> None:
    """Make one of these terms wrong: price too high, quantity too small, grade too low or distance too great."""
    kind = terms[rng.integers(len(terms))]
    if kind == "price":
        lot["price"] = round(lot["price"] * rng.uniform(1.6, 3), 2)
    elif kind == "quantity":
        lot["quantity"] = round(lot["quantity"] * rng.uniform(0.05, 0.4), 1)
    elif kind == "quality":
        lot["quality"] = round(max(0.0, lot["quality"] - rng.uniform(0.35, 0.6)), 2)
    else:
        lot["latitude"] = round(lot["latitude"] + rng.uniform(8, 14), 4)


def _without(lot: dict[str, Any], terms: list[str]) -> dict[str, Any]:
    unsaid = [name for term in terms for name in TERMS[term]]
    return {name: np.nan if name in unsaid else value for name, value in lot.items()}


def _product(rng: np.random.Generator) -> dict[str, Any]:
    commodity = str(rng.choice(list(GOODS)))
    unit, price, kinds = GOODS[commodity]
    letters = "".join(rng.choice(list("abcdefghkmnprstvx"), 2))
    return {
        "commodity": commodity,
        "unit": unit,
        "price": price * float(np.exp(rng.normal(0, 0.4))),
        "maker": str(rng.choice(MAKERS)),
        "kind": str(rng.choice(kinds)),
        "code": f"{letters}-{rng.integers(100, 999)}",
    }


def _lot(rng: np.random.Generator, product: dict[str, Any], messy: bool) -> dict[str, Any]:
    words = [product["maker"], product["kind"], product["commodity"], product["code"], str(rng.choice(WORDS))]
    if messy:
        words = _rewritten(rng, words)
    elif rng.random() < 0.4:
        words = words[1:4]
    return {
        "name": " ".join([*words, str(rng.choice(PACKS))]).strip(),
        "description": " ".join(rng.choice(WORDS, 3)) if rng.random() < 0.6 else "",
        "maker": "" if messy or rng.random() < 0.3 else product["maker"],
        "commodity": product["commodity"],
        "unit": product["unit"],
        "quantity": round(float(np.exp(rng.normal(3, 1))), 1),
        "price": round(product["price"] * float(np.exp(rng.normal(0, 0.05))), 2),
        "quality": round(float(rng.uniform(0.4, 0.9)), 2),
        "latitude": round(float(rng.uniform(11, 20)), 4),
        "longitude": round(float(rng.uniform(74, 80)), 4),
    }


def _rewritten(rng: np.random.Generator, words: list[str]) -> list[str]:
    """Rewrite as another seller would: code without its hyphen, and words cut, joined, dropped and moved."""
    found = []
    for place, word in enumerate(words):
        draw = rng.random()
        if place == 3:
            found.append(word.replace("-", "") if draw < 0.6 else word)
        elif place != 2 and draw < 0.2:
            continue
        elif draw < 0.45:
            found.append(word[: max(3, len(word) - 2)])
        elif draw < 0.65:
            found.append(word.replace(" ", ""))
        else:
            found.append(word)
    order = rng.permutation(len(found)) if rng.random() < 0.5 else np.arange(len(found))
    return [found[index] for index in order]
