"""Question, answer and context of the matching app.

Prices are in INR per unit, quantities in the stated unit, and coordinates in degrees.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "EXAMPLE",
    "EXAMPLE_LOT",
    "MOST",
    "Availability",
    "Match",
    "MatchAnswer",
    "MatchContext",
    "MatchQuestion",
    "MatchRule",
    "Place",
    "Rejected",
    "Requirement",
    "Unit",
]

MOST = 50
"""Maximum number of availabilities in one question."""

Unit = Literal["kg", "quintal", "tonne", "litre", "piece"]
MatchRule = Literal["commodity", "unit"]
"""Fields that must agree if both sides state them. These rules are fixed, not learned."""

Name = Annotated[str, Meta(min_length=1, max_length=300, description="One-line name of the goods.")]
Text = Annotated[
    str,
    Meta(
        max_length=4000,
        description="Further text; only the first 2,000 letters of maker and description are read.",
    ),
]
Maker = Annotated[str, Meta(max_length=200, description="Manufacturer or grower.")]
Commodity = Annotated[
    str, Meta(min_length=1, max_length=64, description="Commodity; compared case-insensitively.")
]
Quantity = Annotated[float, Meta(gt=0, le=1e9, description="In `unit`.", examples=[40.0])]
Price = Annotated[float, Meta(gt=0, le=1e9, description="INR per unit.", examples=[1850.0])]
Quality = Annotated[float, Meta(ge=0, le=1, description="Grade from 0 (worst) to 1 (best).", examples=[0.8])]


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Location of the goods or of the buyer."""

    latitude: Annotated[float, Meta(ge=-90, le=90, description="Degrees north.", examples=[15.36])]
    longitude: Annotated[float, Meta(ge=-180, le=180, description="Degrees east.", examples=[75.12])]


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The goods a buyer wants. An omitted field counts as unknown."""

    name: Name
    description: Text = ""
    maker: Maker = ""
    commodity: Commodity | None = None
    unit: Annotated[Unit, Meta(description="Unit of quantity and price.")] | None = None
    quantity: Quantity | None = None
    price: Annotated[Price, Meta(description="Target price, INR per unit.")] | None = None
    quality: Annotated[Quality, Meta(description="Minimum grade, 0 to 1.")] | None = None
    place: Place | None = None


class Availability(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The goods a seller offers. An omitted field counts as unknown."""

    id: Annotated[
        str, Meta(min_length=1, max_length=64, description="The caller's identifier; repeated in the answer.")
    ]
    name: Name
    description: Text = ""
    maker: Maker = ""
    commodity: Commodity | None = None
    unit: Annotated[Unit, Meta(description="Unit of quantity and price.")] | None = None
    quantity: Quantity | None = None
    price: Price | None = None
    quality: Quality | None = None
    place: Place | None = None


class MatchQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request to rank the availabilities that meet a requirement, best first."""

    requirement: Annotated[Requirement, Meta(description="The goods the buyer wants.")]
    availabilities: (
        Annotated[
            tuple[Availability, ...],
            Meta(
                min_length=1,
                max_length=MOST,
                description="Availabilities to rank, in any order, each id once. Null: the server's collection.",
            ),
        ]
        | None
    ) = None
    top: Annotated[int, Meta(ge=1, le=MOST, description="Maximum number of matches in the answer.")] = 5


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One ranked availability with its reasons. A reason is null if a side does not state the number."""

    id: str
    score: Annotated[float, Meta(description="Probability that it meets the requirement.")]
    accepted: Annotated[bool, Meta(description="Whether the score reaches `threshold`.")]
    quantity: str | None = None
    price: str | None = None
    quality: str | None = None
    place: str | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """An availability that a rule excludes, whatever its score."""

    id: str
    rule: MatchRule


class MatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The best matches, best first, and the availabilities that a rule excluded, in the order of the question.

    Excluded availabilities of the server's collection are not listed.
    """

    matches: tuple[Match, ...]
    rejected: tuple[Rejected, ...]
    score: Annotated[float, Meta(description="Score of the best match; 0 if no match remains.")]
    threshold: Annotated[float, Meta(description="Minimum score of an accepted match.")]


class MatchContext(msgspec.Struct, frozen=True, kw_only=True):
    """The data besides the ONNX graph that a version needs for serving."""

    threshold: float
    """Minimum score of a match, chosen on the validation part."""
    numbers: tuple[str, ...] = ()
    """Numbers that the training data had on both sides; the graph ignores the others."""


EXAMPLE_LOT = Availability(
    id="A-1",
    name="rice sonamasuri sm520 bag 25kg",
    commodity="rice",
    unit="quintal",
    quantity=60.0,
    price=4150.0,
    quality=0.8,
    place=Place(latitude=14.47, longitude=75.92),
)
EXAMPLE = MatchQuestion(
    requirement=Requirement(
        name="Sona Masuri rice SM-520, 25 kg bags",
        commodity="rice",
        unit="quintal",
        quantity=40.0,
        price=4200.0,
        quality=0.7,
        place=Place(latitude=15.36, longitude=75.12),
    ),
    availabilities=(
        EXAMPLE_LOT,
        Availability(id="A-2", name="basmati rice 1121 steam", commodity="rice", unit="quintal", price=9800.0),
        Availability(id="A-3", name="Sona Masuri rice SM-520", commodity="rice", unit="kg", price=43.0),
    ),
)
"""A buyer of rice and three lots, one of them priced in another unit."""
