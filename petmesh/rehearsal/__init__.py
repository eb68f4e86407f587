"""Runs what a stack declares on this machine, with real Envoy and no cluster."""
