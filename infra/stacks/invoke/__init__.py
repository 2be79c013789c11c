"""The function of ``POST /invoke``: its definition, and in ``handler/`` its body."""
