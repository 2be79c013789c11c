"""What runs in the API's functions; the package holds this folder as ``handler``."""
