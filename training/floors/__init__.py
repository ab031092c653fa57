"""Apps on real data sets, beside the floors that models without tuning reach there."""
