"""Simulated ramps: how often identical versions are taken back, and how soon worse ones are."""
