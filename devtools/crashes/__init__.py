"""Crashes of a stack of this machine at random moments, and copies of its files."""
