"""Convert contributions to words. The features of one fact form one reason, and their contributions are summed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from apps.vendor.schema import VendorQuestion, VendorReason
from apps.vendor.serve.columns import CLASSES, MODE_NAMES, TERMS

__all__ = ["FACTS", "reasons"]

MOST = 5
"""Reasons given."""
LEAST = 0.02
"""Minimum contribution to the log odds for a reason."""

Values = Mapping[str, float]
"""Feature name to value, NaN if missing."""
Words = Callable[[VendorQuestion, Values], str]


def _share(question: VendorQuestion, values: Values) -> str:
    if not question.history:
        return f"nothing is known of earlier shipments of {question.vendor}"
    long, lately = values["late_share"], values["late_share_10"]
    return f"{long:.0%} of {question.vendor}'s shipments were late, {lately:.0%} lately"


def _delays(question: VendorQuestion, values: Values) -> str:
    days = values["mean_delay_30"]
    if math.isnan(days):
        return "there is no earlier delivery to go by"
    return f"the latest came {abs(days):.1f} days {'after' if days > 0 else 'before'} their day on average"


def _here(question: VendorQuestion, values: Values) -> str:
    days = values["since_last_here"]
    if math.isnan(days):
        return f"no earlier shipment of {question.vendor} to {question.country} is known"
    return f"{values['late_share_here']:.0%} were late to {question.country}, the latest due {days:.0f} days ago"


def _overdue(question: VendorQuestion, values: Values) -> str:
    return f"{values['overdue']:.0f} shipments are overdue, {values['overdue_here']:.0f} to {question.country}"


def _time(question: VendorQuestion, values: Values) -> str:
    lead = values["lead"]
    known = (
        "the day of the order is not known" if math.isnan(lead) else f"ordered {lead:.0f} days before it is due"
    )
    return f"{values['notice']:.0f} days are left, {known}"


def _size(question: VendorQuestion, values: Values) -> str:
    weight = "weight not known" if question.weight is None else f"{question.weight:,.0f} kg"
    return f"{question.quantity:,} packs worth USD {question.value:,.0f}, {weight}"


def _product(question: VendorQuestion, values: Values) -> str:
    named = [word for word in (question.product_group, question.product_class) if word]
    line = {None: "", True: ", first line", False: ", not first line"}[question.first_line]
    return f"the product is {' '.join(named) or 'not named'}{line}"


def _way(question: VendorQuestion, values: Values) -> str:
    way = f"by {question.mode}" if question.mode else "by an unknown mode"
    terms = f", terms {question.incoterm}" if question.incoterm else ""
    source = "from a stock" if question.fulfilment == "stock" else "from the vendor directly"
    return f"it comes {way} {source}{terms}"


def _ahead(question: VendorQuestion, values: Values) -> str:
    counts = f"{values['ahead']:.0f} shipments came before they were due, {values['ahead_here']:.0f}"
    return f"{counts} to {question.country}"


FACTS: dict[Words, tuple[str, ...]] = {
    _share: ("late_share", "late_share_10", "late_share_30"),
    _delays: ("mean_delay_30", "mean_late_days_30"),
    _here: ("late_share_here", "late_share_here_10", "mean_delay_here_10", "since_last_here"),
    _overdue: ("overdue", "overdue_here"),
    _ahead: ("ahead", "ahead_here"),
    _time: ("notice", "lead"),
    _size: ("quantity", "value", "unit_price", "pack_size", "weight"),
    _product: ("first_line", "group_arv", *CLASSES.values()),
    _way: ("from_stock", *MODE_NAMES.values(), *TERMS.values()),
}
"""Wording and features of each fact; every feature belongs to a fact. Late shares are the smoothed ones."""


def reasons(question: VendorQuestion, values: Values, shares: Mapping[str, float]) -> tuple[VendorReason, ...]:
    """Return the facts that changed the log odds most, largest first; `shares` are contributions by feature."""
    sums = {words: math.fsum(shares[name] for name in names) for words, names in FACTS.items()}
    chosen = [words for words in sorted(sums, key=lambda one: -abs(sums[one])) if abs(sums[words]) >= LEAST]
    return tuple(
        VendorReason(
            text=words(question, values),
            effect="raises" if sums[words] > 0 else "lowers",
            contribution=sums[words],
        )
        for words in chosen[:MOST]
    )
