"""EMR on EC2: clusters and their steps."""
