"""What runs in the function of ``POST /invoke``; the package holds this folder as ``handler``."""
