"""Rehearsals: a declared mesh as processes of this machine, with real Envoy and no cluster."""
