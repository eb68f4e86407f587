"""Tells a pet's medical history."""
