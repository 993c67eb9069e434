"""Kili's listing of assets compared with what is published."""
