"""Istio objects: the fields that the rehearsal translates, and those that it leaves out."""
