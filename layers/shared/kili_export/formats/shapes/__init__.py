"""Geometry of outlines, exact."""
