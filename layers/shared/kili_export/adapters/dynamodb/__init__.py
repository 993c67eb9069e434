"""Change marks and the state of projects, in one DynamoDB table with keys `pk` and `sk`."""
