"""Airflow keeps this package in its repository and ships it nowhere: what its system tests import of it."""
