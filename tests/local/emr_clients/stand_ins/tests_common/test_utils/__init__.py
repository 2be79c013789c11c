"""What the system tests of the amazon provider import."""
