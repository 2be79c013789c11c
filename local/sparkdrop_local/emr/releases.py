"""EMR's releases, and what is known of the applications in them.

Labels, applications and versions are those of the release guide:
https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-components.html
"""

import re
from collections.abc import Mapping

from sparkdrop_local.emr.errors import validation

# The last minor release of each major one. Not every patch was made, and EMR knows which were not; here each
# up to the sixth, the most that any has, is taken for one.
_LAST_MINOR = {4: 9, 5: 36, 6: 15, 7: 14}
_MOST_PATCHES = 6
# Named in another manner, and without application versions below.
_OTHERS = ("emr-spark-8.1.0",)
_LABEL = re.compile(r"emr-(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)")

# The newest first, as EMR lists them.
APPLICATIONS: Mapping[str, Mapping[str, str]] = {
    "emr-spark-8.0.0": {
        "AmazonCloudWatchAgent": "1.300032.2-amzn-0",
        "Delta": "4.0.0-amzn-1-spark",
        "Hudi": "1.1.0-amzn-0",
        "Iceberg": "1.10.1-amzn-0",
        "JupyterEnterpriseGateway": "2.6.0",
        "Livy": "0.8.0-incubating",
        "Spark": "4.0.2-amzn-0",
    },
    "emr-7.13.0": {"Livy": "0.8.0-incubating", "Spark": "3.5.6-amzn-2"},
    "emr-7.12.0": {
        "AmazonCloudWatchAgent": "1.300032.2-amzn-0",
        "Delta": "3.3.2-amzn-1",
        "Flink": "1.20.0-amzn-6",
        "Hive": "3.1.3-amzn-21",
        "Livy": "0.8.0-incubating",
        "Spark": "3.5.6-amzn-1",
    },
    "emr-7.11.0": {
        "AmazonCloudWatchAgent": "1.300032.2-amzn-0",
        "Delta": "3.3.2-amzn-0",
        "Flink": "1.20.0-amzn-5",
        "Hive": "3.1.3-amzn-20",
        "Livy": "0.8.0-incubating",
        "Spark": "3.5.6-amzn-0",
    },
    "emr-7.10.0": {
        "AmazonCloudWatchAgent": "1.300032.2-amzn-0",
        "Delta": "3.3.0-amzn-2",
        "Flink": "1.20.0-amzn-4",
        "HBase": "2.6.2-amzn-1",
        "Hive": "3.1.3-amzn-19",
        "Livy": "0.8.0-incubating",
        "Spark": "3.5.5-amzn-1",
    },
}


def is_release(label: str) -> bool:
    """Whether a label names a release as EMR does: emr-4.0.0 to emr-7.14.6, emr-spark-8.0.0 or its next."""
    if label in APPLICATIONS or label in _OTHERS:
        return True
    found = _LABEL.fullmatch(label)
    if found is None:
        return False
    major, minor, patch = (int(part) for part in found.groups())
    return minor <= _LAST_MINOR.get(major, -1) and patch <= _MOST_PATCHES


def check_release(label: str) -> None:
    """Refuse a label that names no release, by ValidationException."""
    if not is_release(label):
        raise validation(f"The supplied release label is invalid: {label}.")


def find_version(label: str, application: str) -> str | None:
    """Find an application's version in a release, its name in whatever case; None where it is not known."""
    versions = APPLICATIONS.get(label, {})
    return next((version for name, version in versions.items() if name.lower() == application.lower()), None)
