"""The system beside Kili's SDK."""
