"""The stacks: they wire constructs together, and hold no rules of their own."""
