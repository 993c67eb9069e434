"""The memory of publishing a million assets."""
