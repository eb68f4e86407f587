"""The pull request's report."""
