"""The documentation, and the tables in it that are generated."""
