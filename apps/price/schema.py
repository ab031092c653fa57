"""Question, answer and context of the price app.

Prices are in INR per quintal (100 kg), as Indian wholesale markets quote them.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "EXAMPLE",
    "GROUPS",
    "MAX_HORIZON",
    "STATES",
    "UNIT",
    "Contribution",
    "Group",
    "Indicators",
    "Location",
    "Observation",
    "PriceAnswer",
    "PriceContext",
    "PriceExplanation",
    "PriceQuestion",
    "Quality",
    "State",
    "Supplier",
]

UNIT = "INR/quintal"
MAX_HORIZON = 30

State = Literal[
    "Andaman and Nicobar Islands",
    "Andhra Pradesh",
    "Arunachal Pradesh",
    "Assam",
    "Bihar",
    "Chandigarh",
    "Chhattisgarh",
    "Dadra and Nagar Haveli and Daman and Diu",
    "Delhi",
    "Goa",
    "Gujarat",
    "Haryana",
    "Himachal Pradesh",
    "Jammu and Kashmir",
    "Jharkhand",
    "Karnataka",
    "Kerala",
    "Ladakh",
    "Lakshadweep",
    "Madhya Pradesh",
    "Maharashtra",
    "Manipur",
    "Meghalaya",
    "Mizoram",
    "Nagaland",
    "Odisha",
    "Puducherry",
    "Punjab",
    "Rajasthan",
    "Sikkim",
    "Tamil Nadu",
    "Telangana",
    "Tripura",
    "Uttar Pradesh",
    "Uttarakhand",
    "West Bengal",
]
STATES: tuple[str, ...] = State.__args__  # type: ignore[attr-defined]
"""States and union territories. The position is the model's code, so append only."""

Group = Literal["reference", "quality", "location", "supplier", "indicators"]
GROUPS: tuple[Group, ...] = Group.__args__  # type: ignore[attr-defined]
"""Groups of optional fields. `reference` is the field of that name in every observation."""

Price = Annotated[float, Meta(ge=0.01, le=10_000_000, description="INR per quintal", examples=[1850.0])]
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class Observation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One trading day of one market: the modal price and the arrivals."""

    # A request holds hundreds, and decoding must run no Python code. The features reject dates that are too early.
    date: Annotated[datetime.date, Meta(description="Trading day, 1990-01-01 or later.", examples=["2019-06-28"])]
    price: Annotated[Price, Meta(description="Modal price of the day, INR per quintal.")]
    arrival: (
        Annotated[float, Meta(ge=0, le=1_000_000, description="Arrivals of the day, tonnes.", examples=[120.5])]
        | None
    ) = None
    reference: (
        Annotated[
            float,
            Meta(
                ge=0.01,
                le=10_000_000,
                description="Median modal price of other markets over the latest three days, INR per quintal.",
                examples=[1790.0],
            ),
        ]
        | None
    ) = None


class Quality(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Laboratory grades used in the cotton trade."""

    staple_length: Annotated[float, Meta(ge=10, le=60, description="mm", examples=[28.5])] | None = None
    micronaire: Annotated[float, Meta(ge=1, le=10, description="Micronaire reading", examples=[4.1])] | None = None
    strength: Annotated[float, Meta(ge=5, le=100, description="g/tex", examples=[29.0])] | None = None
    colour: Annotated[float, Meta(ge=0, le=100, description="Reflectance Rd, %", examples=[75.0])] | None = None


class Location(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Location of the market."""

    port_distance: (
        Annotated[
            float, Meta(ge=0, le=4000, description="Road distance to the nearest port, km", examples=[410.0])
        ]
        | None
    ) = None
    state: State | None = None


class Supplier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who sells."""

    credit_score: Annotated[float, Meta(ge=300, le=900, description="CIBIL scale", examples=[720])] | None = None
    past_quality: (
        Annotated[
            float, Meta(ge=0, le=1, description="Share of lots accepted at first inspection", examples=[0.96])
        ]
        | None
    ) = None
    trades: (
        Annotated[int, Meta(ge=0, le=10_000_000, description="Number of trades so far", examples=[41])] | None
    ) = None


class Indicators(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The wider market on the last day of the history."""

    world_index: (
        Annotated[float, Meta(gt=0, le=10_000, description="Food price index, 2014-16 = 100", examples=[95.1])]
        | None
    ) = None
    exchange_rate: Annotated[float, Meta(gt=0, le=1000, description="INR per USD", examples=[69.4])] | None = None
    crude: Annotated[float, Meta(gt=0, le=1000, description="USD per barrel", examples=[64.2])] | None = None


class PriceQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The modal price of `commodity` at `market`, `horizon` trading days after the last day of `history`."""

    commodity: Annotated[
        Name, Meta(description="A commodity that the version was trained on.", examples=["onion"])
    ]
    market: Annotated[
        Name,
        Meta(
            description="Name of the market, repeated in the answer. `market_known` says whether the version was "
            "trained on it.",
            examples=["HUBLI"],
        ),
    ]
    horizon: Annotated[
        int,
        Meta(ge=1, le=MAX_HORIZON, description="Trading days after the last day of the history.", examples=[7]),
    ]
    history: Annotated[
        tuple[Observation, ...],
        Meta(
            min_length=1,
            max_length=400,
            description="Past trading days in any order, one per date; the latest 90 are used.",
        ),
    ]
    quality: Quality | None = None
    location: Location | None = None
    supplier: Supplier | None = None
    indicators: Indicators | None = None


class PriceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A price with an interval that should contain the true price in a share `coverage` of cases."""

    commodity: str
    market: str
    horizon: int
    price: Annotated[float, Meta(description="INR per quintal")]
    low: Annotated[float, Meta(description="Lower end of the interval, INR per quintal")]
    high: Annotated[float, Meta(description="Upper end of the interval, INR per quintal")]
    coverage: Annotated[float, Meta(description="Nominal coverage of the interval", examples=[0.8])]
    unit: str = UNIT
    last_date: datetime.date
    last_price: Annotated[float, Meta(description="Latest price of the history: the answer of persistence")]
    market_known: (
        Annotated[
            bool,
            Meta(
                description="Whether the version was trained on prices of this market; if not, nothing was "
                "measured there. Absent in answers of versions that do not know their markets."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class PriceContext(msgspec.Struct, frozen=True, kw_only=True):
    """The data besides the ONNX graph that a version needs for serving."""

    commodities: tuple[str, ...]
    """Commodities of the training data; others are refused."""
    groups: tuple[Group, ...] = ()
    """Optional groups of fields in the training data; the others are ignored."""
    coverage: float = 0.9
    """Nominal coverage of the interval."""
    typical: tuple[float, ...] = ()
    """Mean absolute log move by horizon, 1 first; supplements a short history."""
    reach: tuple[tuple[float, float], ...] = ()
    """Interval bounds below and above the price in mean moves, by horizon, 1 first; also in the ONNX graph."""
    markets: tuple[str, ...] = ()
    """Markets of the training data, sorted; empty in versions that were trained before they were kept."""


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """Contribution of one feature to one answer."""

    feature: str
    value: float | None
    """The feature's value, null if missing."""
    contribution: float
    """Added to log(price / last_price)."""
    contribution_inr: float
    """The same in INR per quintal."""


class PriceExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with its exact TreeSHAP contributions, largest first.

    `base` + the sum of `contribution` is log(price / last_price) before rounding, and `last_price` + `base_inr` +
    the sum of `contribution_inr` is the price before rounding.
    """

    answer: PriceAnswer
    base: float
    """The model's average answer: log(price / last_price) with every feature unknown."""
    base_inr: float
    contributions: tuple[Contribution, ...]


def _example() -> PriceQuestion:
    prices = (1180, 1200, 1190, 1230, 1260, 1250, 1300, 1320, 1310, 1340, 1360, 1350, 1380, 1400)
    tonnes = (412, 398, 405, 380, 366, 371, 340, 335, 344, 320, 318, 325, 300, 296)
    first = datetime.date(2019, 6, 10)
    days = [first + datetime.timedelta(days=week * 7 + day) for week in range(3) for day in range(6)]
    history = tuple(
        Observation(date=day, price=float(price), arrival=float(arrival), reference=price * 0.95)
        for day, price, arrival in zip(days[:14], prices, tonnes, strict=True)
    )
    return PriceQuestion(commodity="onion", market="HUBLI", horizon=7, history=history)


EXAMPLE = _example()
"""An example question: fourteen trading days of onions at Hubli."""
