"""Declarations of exports: parsing, checks, storage."""
