"""Keeps dataset archives in S3 equal to what a Kili project holds."""
