"""The interface of a format, and the parts that formats share."""
