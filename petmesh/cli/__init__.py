"""The Pulumi CLI for the make targets: found or installed, with local state where none is set."""
