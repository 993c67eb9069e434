"""The second step of a run: fetches a batch once and converts it for every export."""
