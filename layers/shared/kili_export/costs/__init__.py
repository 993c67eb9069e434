"""What running costs: prices, usage, estimates."""
