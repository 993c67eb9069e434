"""Measures what exports cost, beside Kili's own SDK in the same run."""
