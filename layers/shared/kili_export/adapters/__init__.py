"""The outside world behind the ports: S3, DynamoDB, Step Functions, EventBridge, Kili."""
