"""Converted assets as numbered records."""
