"""The pull request's report: what a checkout changes in its stacks."""
