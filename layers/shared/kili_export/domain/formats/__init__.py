"""Kili exports as pure functions: one module per family of formats."""
