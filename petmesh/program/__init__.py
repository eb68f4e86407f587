"""Runs a stack's Pulumi program in process, and returns the declared resources."""
