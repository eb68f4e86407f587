"""Follows the walk-through of docs/services.md in a copy of the checkout."""
