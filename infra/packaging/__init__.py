"""What is packed for AWS without Docker: what functions and Spark programs carry."""
