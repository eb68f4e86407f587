"""The `petmesh` command: what it takes, what it prints of errors, and its exit status."""
