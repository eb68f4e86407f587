"""Runs a stack's Pulumi program in process, and tells what it declares."""
