"""The whole system on one machine: S3, AWS's other services, workers, workflow and front door."""
