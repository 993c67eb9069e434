"""One folder per Lambda function; each holds a thin handler."""
