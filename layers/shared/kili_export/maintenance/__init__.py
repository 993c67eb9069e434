"""What runs on a schedule or on request beside the runs."""
