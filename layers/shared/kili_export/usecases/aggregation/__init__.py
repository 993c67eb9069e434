"""The steps that turn a run's conversions into one published generation of one export."""
