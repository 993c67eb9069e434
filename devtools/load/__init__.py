"""A minute of many events while everything is exported."""
