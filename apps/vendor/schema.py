"""What the vendor app is asked, what it answers, and what a version says about itself.

Money is in USD, mass in kilograms, quantities in packs.
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
    """One earlier shipment of the vendor, as far as it was known on the day of the question."""

    scheduled: Annotated[datetime.date, Meta(description="Day it was to be delivered.", examples=["2014-03-10"])]
    delivered: (
        Annotated[
            datetime.date,
            Meta(description="Day it was delivered; absent while it is not.", examples=["2014-03-12"]),
        ]
        | None
    ) = None
    country: Annotated[Name, Meta(description="Where it went.", examples=["Zambia"])] | None = None


class VendorQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Will the shipment scheduled for `scheduled` be delivered after that day, as seen on the day `asked`?"""

    vendor: Annotated[Name, Meta(description="Name of the vendor, repeated in the answer.", examples=["CIPLA"])]
    country: Annotated[Name, Meta(description="Where the shipment goes.", examples=["Zambia"])]
    asked: Annotated[
        datetime.date, Meta(description="Day of the question; nothing later may be used.", examples=["2014-05-02"])
    ]
    scheduled: Annotated[
        datetime.date,
        Meta(description="Day the shipment is to be delivered, at most 365 days ahead.", examples=["2014-06-01"]),
    ]
    ordered: (
        Annotated[datetime.date, Meta(description="Day the order went to the vendor.", examples=["2014-03-03"])]
        | None
    ) = None
    mode: Annotated[Mode, Meta(description="Mode of shipment.")] | None = None
    fulfilment: Annotated[Fulfilment, Meta(description="By the vendor directly, or from a stock.")] = "direct"
    incoterm: Annotated[Incoterm, Meta(description="Who bears cost and risk up to where.")] | None = None
    product_group: Annotated[ProductGroup, Meta(description="ARV: medicines; HRDT: HIV tests.")] | None = None
    product_class: Annotated[ProductClass, Meta(description="Sub-classification of the product.")] | None = None
    quantity: Annotated[int, Meta(ge=1, le=100_000_000, description="Packs.", examples=[10000])]
    value: Annotated[float, Meta(ge=0, le=1e9, description="Value of the line, USD.", examples=[89000.0])]
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
            description="Earlier shipments of the vendor in any order; the latest 200 that were due before "
            "`asked` are used, and a delivery after `asked` is refused.",
        ),
    ] = ()


class VendorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How likely the shipment is late, beside what is usual."""

    vendor: str
    asked: datetime.date
    scheduled: datetime.date
    probability: Annotated[float, Meta(description="That it is delivered after the scheduled day, 0 to 1.")]
    risk: Annotated[Risk, Meta(description="By the version's thresholds.")]
    base_rate: Annotated[float, Meta(description="Late share of all shipments the version learned from.")]
    vendor_rate: Annotated[float, Meta(description="Late share of the history given, smoothed: the naive answer.")]


class VendorContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a version needs at serving time besides its ONNX graph."""

    base_rate: float
    """Late share of the training part; what a short history is smoothed towards."""
    slope: float = 1.0
    """Calibrated log odds are slope * margin + intercept; also in the ONNX graph."""
    intercept: float = 0.0
    elevated: float = 1.0
    """The risk is elevated above this probability, from the validation part; also in the ONNX graph."""
    high: float = 1.0
    """The risk is high above this one."""


class VendorContribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature did to one answer."""

    feature: str
    value: float | None
    """The feature's value, null when missing."""
    contribution: float
    """Added to the log odds of being late."""


class VendorReason(msgspec.Struct, frozen=True, kw_only=True):
    """One fact in words, with the contributions of the features that tell it."""

    text: str
    effect: Literal["raises", "lowers"]
    contribution: float
    """Added to the log odds of being late."""


class VendorExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer taken apart into exact TreeSHAP contributions, largest first.

    `base` + the sum of `contribution` is the log odds of the probability before rounding.
    """

    answer: VendorAnswer
    reasons: tuple[VendorReason, ...]
    """The facts that moved the answer most, largest first."""
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
"""A realistic question: twenty earlier shipments, six of them late."""
