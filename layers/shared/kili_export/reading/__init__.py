"""For readers of a dataset: pull, sync, report, snapshot."""
