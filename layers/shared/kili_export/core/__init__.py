"""What every folder may use: errors, keys of the bucket, clock, options, project."""
