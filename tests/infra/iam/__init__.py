"""What IAM would say: policies of the templates, evaluated by a policy simulator."""
