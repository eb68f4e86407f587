"""Tells a pet's details, in as many versions as there are files in versions/."""
