"""A Spark program that does nothing: what is measured is the way to it."""

print("here")
