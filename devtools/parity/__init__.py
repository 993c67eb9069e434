"""Compares our exports with those of Kili's own SDK: every format, option and kind of project."""
