"""HTTP to Kili: keys, backoff, the shared rate limit, guarded addresses, downloads."""
