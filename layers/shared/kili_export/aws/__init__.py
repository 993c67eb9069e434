"""AWS: S3, EventBridge, Secrets Manager, Step Functions, CloudFormation."""
