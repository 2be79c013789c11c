"""The environment's names that a client of the API reads."""

URL_VARIABLE = "SPARKDROP_API_URL"
TOKEN_VARIABLE = "SPARKDROP_API_TOKEN"  # noqa: S105 - the name of one
