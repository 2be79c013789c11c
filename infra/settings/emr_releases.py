"""The releases of EMR that a stage may name.

The list: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-components.html. EMR 6 is the first
with Spark 3; Sparkdrop's Spark programs need that.
"""

from __future__ import annotations

from difflib import get_close_matches

_SIX = "0.0 1.0 1.1 2.0 2.1 3.0 3.1 4.0 5.0 6.0 7.0 8.0 8.1 9.0 9.1 10.0 10.1 11.0 11.1 12.0 13.0 14.0 15.0"
_SEVEN = " ".join(f"{minor}.0" for minor in range(14))
RELEASES = (
    *(f"emr-6.{rest}" for rest in _SIX.split()),
    *(f"emr-7.{rest}" for rest in _SEVEN.split()),
    "emr-spark-8.0.0",
)
# https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/release-versions.html
FIRST_SERVERLESS = "emr-6.6.0"


def check_release(value: str) -> str:
    """Take a release label that EMR and EMR Serverless have: a stage has an application of the latter.

    Raises:
        ValueError: There is no such release, and the nearest; or Serverless came later.
    """
    if value in RELEASES:
        if RELEASES.index(value) < RELEASES.index(FIRST_SERVERLESS):
            raise ValueError(
                f"EMR Serverless has no release {value!r}: write {FIRST_SERVERLESS} or a newer one"
            )
        return value
    nearest = ", ".join(get_close_matches(value, RELEASES, n=2, cutoff=0)) or RELEASES[-1]
    raise ValueError(
        f"EMR has no release {value!r}; nearest: {nearest} (a newer one goes into emr_releases.py)"
    )
