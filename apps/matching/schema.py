"""What the matching app is asked, what it answers, and what a version says about itself.

Money is in INR per unit, quantities are in the unit given, places are degrees.
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
"""Availabilities one question may carry."""

Unit = Literal["kg", "quintal", "tonne", "litre", "piece"]
MatchRule = Literal["commodity", "unit"]
"""What must agree where both sides state it; a rule, never learned."""

Name = Annotated[str, Meta(min_length=1, max_length=300, description="What it is, in a line.")]
Text = Annotated[str, Meta(max_length=4000, description="Further words; the first few hundred letters are read.")]
Maker = Annotated[str, Meta(max_length=200, description="Who makes or grows it.")]
Commodity = Annotated[str, Meta(min_length=1, max_length=64, description="Compared without regard to case.")]
Quantity = Annotated[float, Meta(gt=0, le=1e9, description="In `unit`.", examples=[40.0])]
Price = Annotated[float, Meta(gt=0, le=1e9, description="INR per unit.", examples=[1850.0])]
Quality = Annotated[float, Meta(ge=0, le=1, description="Grade, 0 worst to 1 best.", examples=[0.8])]


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where goods are or are wanted."""

    latitude: Annotated[float, Meta(ge=-90, le=90, description="Degrees north.", examples=[15.36])]
    longitude: Annotated[float, Meta(ge=-180, le=180, description="Degrees east.", examples=[75.12])]


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a buyer looks for. Whatever is left out counts as unknown."""

    name: Name
    description: Text = ""
    maker: Maker = ""
    commodity: Commodity | None = None
    unit: Annotated[Unit, Meta(description="What quantity and price refer to.")] | None = None
    quantity: Quantity | None = None
    price: Annotated[Price, Meta(description="The price in mind, INR per unit.")] | None = None
    quality: Annotated[Quality, Meta(description="The least grade wanted, 0 to 1.")] | None = None
    place: Place | None = None


class Availability(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a seller has. Whatever is left out counts as unknown."""

    id: Annotated[str, Meta(min_length=1, max_length=64, description="The caller's own; repeated in the answer.")]
    name: Name
    description: Text = ""
    maker: Maker = ""
    commodity: Commodity | None = None
    unit: Annotated[Unit, Meta(description="What quantity and price refer to.")] | None = None
    quantity: Quantity | None = None
    price: Price | None = None
    quality: Quality | None = None
    place: Place | None = None


class MatchQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which of the availabilities meet the requirement, best first?"""

    requirement: Annotated[Requirement, Meta(description="What is looked for.")]
    availabilities: (
        Annotated[
            tuple[Availability, ...],
            Meta(
                min_length=1,
                max_length=MOST,
                description="What to choose from, in any order, each id once. Null: those that the server keeps.",
            ),
        ]
        | None
    ) = None
    top: Annotated[int, Meta(ge=1, le=MOST, description="How many matches to answer at most.")] = 5


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One availability and why. A reason is null where a side does not state the number."""

    id: str
    score: Annotated[float, Meta(description="Probability that it is what is looked for.")]
    accepted: Annotated[bool, Meta(description="Whether the score reaches the version's threshold.")]
    quantity: str | None = None
    price: str | None = None
    quality: str | None = None
    place: str | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """An availability that a rule leaves out, whatever its score."""

    id: str
    rule: MatchRule


class MatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The best availabilities, best first, and those the rules left out, in the order given.

    Of availabilities that the server keeps, those that the rules leave out are not listed.
    """

    matches: tuple[Match, ...]
    rejected: tuple[Rejected, ...]
    score: Annotated[float, Meta(description="Score of the best match; 0 where the rules left none.")]
    threshold: Annotated[float, Meta(description="Scores from here on count as accepted.")]


class MatchContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a version needs at serving time besides its ONNX graph."""

    threshold: float
    """Score from which a pair counts as a match; chosen on the validation part."""
    numbers: tuple[str, ...] = ()
    """Numbers its training data had on both sides; the graph ignores the others."""


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
