"""One YAML file a stage, and the model that it fills."""
