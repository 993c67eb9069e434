"""Sorted tables: immutable objects of which a look-up reads a few blocks."""
