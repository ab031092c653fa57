"""Question, answer and context of the vendor app.

Money is in USD, mass in kilograms, and quantities in packs.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "EXAMPLE",
    "FULFILMENTS",
    "INCOTERMS",
    "MODES",
    "MOST_NOTICE",
    "PRODUCT_CLASSES",
    "PRODUCT_GROUPS",
    "RISKS",
    "Delivery",
    "Fulfilment",
    "Incoterm",
    "Mode",
    "ProductClass",
    "ProductGroup",
    "Risk",
    "VendorAnswer",
    "VendorContext",
    "VendorContribution",
    "VendorExplanation",
    "VendorQuestion",
    "VendorReason",
]

MOST_NOTICE = 365

Mode = Literal["air", "air charter", "ocean", "truck"]
MODES: tuple[str, ...] = Mode.__args__  # type: ignore[attr-defined]
Fulfilment = Literal["direct", "stock"]
FULFILMENTS: tuple[str, ...] = Fulfilment.__args__  # type: ignore[attr-defined]
Incoterm = Literal["CIF", "CIP", "DAP", "DDP", "DDU", "EXW", "FCA"]
INCOTERMS: tuple[str, ...] = Incoterm.__args__  # type: ignore[attr-defined]
ProductGroup = Literal["ACT", "ANTM", "ARV", "HRDT", "MRDT"]
PRODUCT_GROUPS: tuple[str, ...] = ProductGroup.__args__  # type: ignore[attr-defined]
ProductClass = Literal["ACT", "Adult", "HIV test", "HIV test - Ancillary", "Malaria", "Pediatric"]
PRODUCT_CLASSES: tuple[str, ...] = ProductClass.__args__  # type: ignore[attr-defined]
Risk = Literal["low", "elevated", "high"]
RISKS: tuple[Risk, ...] = Risk.__args__  # type: ignore[attr-defined]
"""Lowest first."""

Name = Annotated[str, Meta(min_length=1, max_length=128)]


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One earlier shipment of the vendor, as known on the day of the question."""

    scheduled: Annotated[datetime.date, Meta(description="Scheduled day of delivery.", examples=["2014-03-10"])]
    delivered: (
        Annotated[
            datetime.date,
            Meta(description="Day of delivery; absent until it is delivered.", examples=["2014-03-12"]),
        ]
        | None
    ) = None
    country: Annotated[Name, Meta(description="Destination country.", examples=["Zambia"])] | None = None


class VendorQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The risk that a shipment is delivered after the day `scheduled`, as seen on the day `asked`."""

    vendor: Annotated[Name, Meta(description="Name of the vendor, repeated in the answer.", examples=["CIPLA"])]
    country: Annotated[Name, Meta(description="Destination country of the shipment.", examples=["Zambia"])]
    asked: Annotated[
        datetime.date,
        Meta(description="Day of the question; later events must not be included.", examples=["2014-05-02"]),
    ]
    scheduled: Annotated[
        datetime.date,
        Meta(description="Scheduled day of delivery, at most 365 days after `asked`.", examples=["2014-06-01"]),
    ]
    ordered: (
        Annotated[
            datetime.date, Meta(description="Day the order was sent to the vendor.", examples=["2014-03-03"])
        ]
        | None
    ) = None
    mode: Annotated[Mode, Meta(description="Mode of shipment.")] | None = None
    fulfilment: Annotated[Fulfilment, Meta(description="Delivery by the vendor directly, or from a stock.")] = (
        "direct"
    )
    incoterm: Annotated[Incoterm, Meta(description="Incoterm: division of cost and risk.")] | None = None
    product_group: Annotated[ProductGroup, Meta(description="ARV: medicines; HRDT: HIV tests.")] | None = None
    product_class: Annotated[ProductClass, Meta(description="Sub-classification of the product.")] | None = None
    quantity: Annotated[int, Meta(ge=1, le=100_000_000, description="Packs.", examples=[10000])]
    value: Annotated[float, Meta(ge=0, le=1e9, description="Value of the order line, USD.", examples=[89000.0])]
    pack_size: (
        Annotated[int, Meta(ge=1, le=100_000, description="Units per pack, such as tablets.", examples=[60])]
        | None
    ) = None
    weight: (
        Annotated[float, Meta(ge=0, le=10_000_000, description="Weight, kilograms.", examples=[1350.0])] | None
    ) = None
    first_line: Annotated[bool, Meta(description="Whether it is a first-line treatment.")] | None = None
    history: Annotated[
        tuple[Delivery, ...],
        Meta(
            max_length=1000,
            description="Earlier shipments of the vendor, in any order. The latest 200 due before `asked` "
            "are used. A delivery after `asked` is refused.",
        ),
    ] = ()


class VendorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The probability that the shipment is late, compared with usual rates."""

    vendor: str
    asked: datetime.date
    scheduled: datetime.date
    probability: Annotated[float, Meta(description="Probability of delivery after the scheduled day, 0 to 1.")]
    risk: Annotated[Risk, Meta(description="Risk level by the version's thresholds.")]
    base_rate: Annotated[float, Meta(description="Late share of the version's training shipments.")]
    vendor_rate: Annotated[float, Meta(description="Smoothed late share of the given history: the naive answer.")]


class VendorContext(msgspec.Struct, frozen=True, kw_only=True):
    """The data besides the ONNX graph that a version needs for serving."""

    base_rate: float
    """Late share of the training part; a short history is smoothed towards it."""
    slope: float = 1.0
    """Calibrated log odds are slope * margin + intercept; also in the ONNX graph."""
    intercept: float = 0.0
    elevated: float = 1.0
    """The risk is elevated above this probability. Chosen on the validation part; also in the ONNX graph."""
    high: float = 1.0
    """The risk is high above this probability."""


class VendorContribution(msgspec.Struct, frozen=True, kw_only=True):
    """Contribution of one feature to one answer."""

    feature: str
    value: float | None
    """The feature's value, null if missing."""
    contribution: float
    """Added to the log odds of being late."""


class VendorReason(msgspec.Struct, frozen=True, kw_only=True):
    """One fact in words, with the sum of the contributions of its features."""

    text: str
    effect: Literal["raises", "lowers"]
    contribution: float
    """Added to the log odds of being late."""


class VendorExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with its exact TreeSHAP contributions, largest first.

    `base` + the sum of `contribution` is the log odds of the probability before rounding.
    """

    answer: VendorAnswer
    reasons: tuple[VendorReason, ...]
    """The facts that changed the answer most, largest first."""
    base: float
    contributions: tuple[VendorContribution, ...]


def _example() -> VendorQuestion:
    first = datetime.date(2013, 7, 1)
    days = [first + datetime.timedelta(days=14 * number) for number in range(20)]
    lateness = (0, -2, 0, 5, 0, 0, -7, 12, 0, 0, 0, 21, 0, -1, 0, 8, 0, 0, 3, 0)
    countries = ("Zambia", "Nigeria", "Zambia", "Haiti")
    history = tuple(
        Delivery(scheduled=day, delivered=day + datetime.timedelta(days=late), country=countries[number % 4])
        for number, (day, late) in enumerate(zip(days, lateness, strict=True))
    )
    return VendorQuestion(
        vendor="CIPLA",
        country="Zambia",
        asked=datetime.date(2014, 5, 2),
        scheduled=datetime.date(2014, 6, 1),
        ordered=datetime.date(2014, 3, 3),
        mode="ocean",
        incoterm="FCA",
        product_group="ARV",
        product_class="Adult",
        quantity=10000,
        value=89000.0,
        pack_size=60,
        weight=1350.0,
        first_line=True,
        history=history,
    )


EXAMPLE = _example()
"""An example question: twenty earlier shipments, six of them late."""
