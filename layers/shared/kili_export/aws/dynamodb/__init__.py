"""Pending changes, leases and the rate limit in one DynamoDB table."""
