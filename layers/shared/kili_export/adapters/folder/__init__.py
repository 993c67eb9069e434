"""A folder on disk that follows an export."""
