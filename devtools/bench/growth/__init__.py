"""One changed label in archives of growing size."""
