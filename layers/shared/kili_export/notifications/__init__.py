"""Delivers events to the HTTP endpoints that projects declare."""
