"""Writes the generated blocks of docs/reference."""
