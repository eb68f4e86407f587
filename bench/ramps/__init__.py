"""Measurements of ramps on the rehearsal's Envoys."""
