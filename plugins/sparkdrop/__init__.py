"""Sparkdrop: drop a file, get a Spark run."""
