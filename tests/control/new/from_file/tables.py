"""Small tables of the kinds that people have."""

from __future__ import annotations

import numpy as np
import pandas as pd

WORDS = ("parcel", "arrived", "after", "the", "promised", "day", "and", "nobody", "told", "us", "about", "it")


def cells(rows: int = 569) -> pd.DataFrame:
    """Like the breast-cancer table: thirty measurements and a diagnosis, without an identifier."""
    random = np.random.default_rng(3)
    sick = random.random(rows) < 0.37
    columns = {}
    for place in range(30):
        size = 10.0 ** (place % 4)
        noise = random.lognormal(0, 0.25, rows)
        columns[f"mean {place}"] = np.round(size * noise * np.where(sick, 1 + 0.4 / (1 + place % 5), 1), 6)
    return pd.DataFrame({**columns, "diagnosis": np.where(sick, "malignant", "benign")})


def churn(rows: int = 300) -> pd.DataFrame:
    """Customers: an identifier, whole numbers, categories, missing values, and 0 or 1."""
    random = np.random.default_rng(4)
    months, calls = random.integers(1, 60, rows), random.integers(0, 9, rows)
    plan = random.choice(["basic", "plus", 'say "pro"'], rows)
    score = calls - months / 12 + 2 * (plan == "basic") + random.normal(0, 1, rows)
    bill = np.where(random.random(rows) < 0.1, np.nan, np.round(random.gamma(4, 20, rows), 2))
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:05}" for number in random.permutation(rows)],
            "months": months,
            "class": plan,
            "Monthly bill (€)": bill,
            "paperless": random.random(rows) < 0.5,
            "calls": calls,
            "churned": (score > np.median(score)).astype(int),
        }
    )


def houses(rows: int = 300) -> pd.DataFrame:
    """Sales of houses with a date: a price to predict, in steps that are not regular."""
    random = np.random.default_rng(5)
    days = pd.Timestamp("2021-03-01") + pd.to_timedelta(np.sort(random.integers(0, 900, rows)), "D")
    area, rooms = random.uniform(40, 240, rows).round(1), random.integers(1, 8, rows)
    price = 1000 * area * random.lognormal(0, 0.1, rows) + 40_000 * rooms
    return pd.DataFrame(
        {"sold": days.strftime("%Y-%m-%d"), "area": area, "rooms": rooms, "price": price.round(-2)}
    )


def flags(rows: int = 900) -> pd.DataFrame:
    """Nothing but true and false, so that most rows repeat another one."""
    random = np.random.default_rng(9)
    table = random.random((rows, 7)) < 0.5
    alarm = (table[:, :3].sum(axis=1) >= 2) ^ (random.random(rows) < 0.02)
    return pd.DataFrame(table).add_prefix("flag_").assign(alarm=alarm)


def visits(patients: int = 70) -> pd.DataFrame:
    """Several visits of each patient, one of three grades."""
    random = np.random.default_rng(6)
    frames = []
    for number in range(patients):
        level = random.normal()
        size = random.integers(3, 8)
        dose = random.uniform(0, 5, size).round(3)
        score = level + dose / 2 + random.normal(0, 0.3, size)
        grade = np.select([score < 0.6, score < 1.8], ["low", "middle"], "high")
        table = {
            "patient_id": number + 1000,
            "dose": dose,
            "level": level + random.normal(0, 0.2, size),
            "grade": grade,
        }
        frames.append(pd.DataFrame(table))
    return pd.concat(frames, ignore_index=True)


def sales(days: int = 400) -> pd.DataFrame:
    """Daily sales of two shops, with the temperature."""
    random = np.random.default_rng(7)
    times = pd.date_range("2023-01-01", periods=days)
    frames = []
    for shop, usual in (("east", 120.0), ("west", 300.0)):
        heat = 15 + 10 * np.sin(np.arange(days) / 58) + random.normal(0, 2, days)
        week = 1 + 0.3 * np.isin(times.dayofweek, (4, 5))
        sold = usual * week * (1 + 0.01 * heat) * random.lognormal(0, 0.05, days)
        table = {"shop": shop, "day": times.strftime("%Y-%m-%d"), "heat": heat.round(1), "sold": sold.round(1)}
        frames.append(pd.DataFrame(table))
    return pd.concat(frames, ignore_index=True)


def reviews(rows: int = 240) -> pd.DataFrame:
    """Texts that are complaints or praise."""
    random = np.random.default_rng(8)
    bad = random.random(rows) < 0.5
    texts = []
    for sad in bad:
        words = [
            *random.choice(WORDS, 10),
            *random.choice(["broken", "late", "rude"] if sad else ["great", "kind"], 2),
        ]
        texts.append(" ".join(random.permutation(words)).capitalize() + ".")
    return pd.DataFrame({"text": texts, "verdict": np.where(bad, "complaint", "praise")})
