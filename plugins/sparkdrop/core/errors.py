"""Every error that Sparkdrop raises on purpose.

::

    SparkdropError
    ├── ConfigError            a pipeline file, or the deployment's settings, cannot be used
    ├── NotAnArrivalError      a queue message that tells of no object
    ├── LedgerError            the ledger refuses a move
    └── BatchFailedError       Spark, or the cluster under it, failed a batch

A message says what is wrong, where, and how to mend it.
"""


class SparkdropError(Exception):
    """The base of all."""


class NotAnArrivalError(SparkdropError):
    """A queue message that is not an S3 "Object Created" event."""


class LedgerError(SparkdropError):
    """The ledger's record does not permit the move that was asked for."""


class BatchFailedError(SparkdropError):
    """Spark, or the cluster under it, failed a batch."""


class ConfigError(SparkdropError):
    """A pipeline file, or the deployment's settings, cannot be used."""
