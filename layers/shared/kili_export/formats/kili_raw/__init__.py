"""Kili's own format, and its raw form."""
