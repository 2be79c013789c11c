"""The `sparkdrop` command: thin over `sparkdrop.core` and `sparkdrop.aws`."""
