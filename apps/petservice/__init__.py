"""Serves a pet's details, its medical history and a public dog API's data in one response."""
