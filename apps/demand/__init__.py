"""Demand for commodities, up to 90 days ahead."""
