"""Expectations against a live cluster: by its ingress, and from short-lived pods."""
