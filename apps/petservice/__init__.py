"""Answers for a pet with what its details, its medical history and a public dog API say."""
