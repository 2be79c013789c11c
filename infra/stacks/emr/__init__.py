"""EMR: its roles, a development cluster, a serverless application."""
