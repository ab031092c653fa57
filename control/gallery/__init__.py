"""All apps on one page: their champions' figures, plots and cards, as plain HTML."""
