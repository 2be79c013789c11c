"""Processes that EMR runs: steps, bootstrap actions and job runs."""
