"""Documents that span the dataset, stored in shards."""
