"""Small shipment tables, and a booster fitted on made-up ones without Ray, for the recipe's tests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from apps.vendor.train.recipe import VendorRecipe
from tests.training.local import LocalTrainer
from training.recipe import Fitted, RecipeOptions, Split


def scms() -> pd.DataFrame:
    """Three shipments as the SCMS table writes them, with its words in numeric columns and both kinds of dates."""
    return pd.DataFrame(
        {
            "ID": [1, 3, 4],
            "Country": ["Zambia", "Haiti", "Zambia"],
            "Fulfill Via": ["Direct Drop", "From RDC", "Direct Drop"],
            "Vendor INCO Term": ["EXW", "N/A - From RDC", "FCA"],
            "Shipment Mode": ["Air", None, "Ocean"],
            "PO Sent to Vendor Date": ["6/2/06", "N/A - From RDC", "Date Not Captured"],
            "Scheduled Delivery Date": ["2-Jul-06", "14-Nov-06", "27-Aug-06"],
            "Delivered to Client Date": ["5-Jul-06", "14-Nov-06", "1-Aug-06"],
            "Delivery Recorded Date": ["7-Jul-06", "14-Nov-06", "27-Aug-06"],
            "Product Group": ["HRDT", "ARV", "ARV"],
            "Sub Classification": ["HIV test", "Pediatric", "Adult"],
            "Vendor": ["A Ltd.", "SCMS from RDC", "A Ltd."],
            "Unit of Measure (Per Pack)": [30, 240, 60],
            "Line Item Quantity": [19, 1000, 500],
            "Line Item Value": [551.0, 6200.0, 40000.0],
            "First Line Designation": ["Yes", "No", "Yes"],
            "Weight (Kilograms)": ["13", "Weight Captured Separately", "See DN-304 (ID#:10589)"],
            "Freight Cost (USD)": ["780.34", "Freight Included in Commodity Cost", "Invoiced Separately"],
            "Line Item Insurance (USD)": [1.0, None, 3.0],
        }
    )


def plain(count: int = 60, seed: int = 3) -> pd.DataFrame:
    """Shipments of three vendors in the plain layout, one every few days."""
    rng = np.random.default_rng(seed)
    scheduled = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 400, count)), unit="D")
    delivered = scheduled + pd.to_timedelta(rng.integers(-5, 8, count), unit="D")
    return pd.DataFrame(
        {
            "vendor": rng.choice(["a", "b", "c"], count),
            "country": rng.choice(["x", "y"], count),
            "scheduled": scheduled,
            "delivered": delivered,
            "recorded": delivered + pd.to_timedelta(rng.integers(0, 10, count), unit="D"),
            "ordered": scheduled - pd.to_timedelta(rng.integers(1, 120, count), unit="D"),
            "mode": rng.choice(["air", "truck"], count),
            "quantity": rng.integers(1, 5000, count),
            "value": rng.uniform(1, 9999, count).round(2),
        }
    )


@cache
def synthetic_split() -> tuple[pd.DataFrame, Split]:
    """The made-up shipments, tidied and cut; treat as read-only."""
    recipe = VendorRecipe()
    frame = recipe.schema.validate(recipe.tidy(recipe.generate(7), RecipeOptions()))
    return frame, recipe.split(frame)


@cache
def fitted() -> tuple[VendorRecipe, Fitted]:
    """A small model of them."""
    recipe = VendorRecipe()
    _, split = synthetic_split()
    return recipe, recipe.fit(split, LocalTrainer(40))
