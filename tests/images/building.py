"""Builds and runs images without a Docker engine and without a registry.

Debian's buildah builds in a chroot and, where it must, keeps layers as plain folders, so it works inside a
container too. No base image is pulled: a small Debian, made once by debootstrap, stands in for both.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparkdrop_local.java import _privileged_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).parents[2]
CACHE = REPOSITORY / ".cache" / "images"
STAND_IN = Path(__file__).with_name("stand_in")
BASE = "localhost/stand-in"
TOOLS = ("buildah", "debootstrap")
# Debian 12 has Python 3.11, which is also EMR's
SUITE = "bookworm"
PACKAGES = ("python3", "python3-pip", "python3-venv")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ADVICE = f"images are built as root, by tools of Debian and Ubuntu: apt-get install {' '.join(TOOLS)}"


class BuildError(Exception):
    """A command failed; holds its last lines."""


@dataclass(frozen=True, slots=True)
class Completed:
    returncode: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Builder:
    """Buildah with a storage of its own, as root.

    Attributes:
        storage: The folder of images and containers.
        driver: How layers are kept.
        prefix: What makes a command root's: nothing for root, sudo for others.
    """

    storage: Path
    driver: str
    prefix: tuple[str, ...]

    @classmethod
    def create(cls, storage: Path, prefix: Sequence[str]) -> Builder:
        """Take the kernel's overlay where it can be used, and else plain copies, which work everywhere."""
        overlay = cls(storage / "overlay", "overlay", tuple(prefix))
        return overlay if overlay.buildah("info").returncode == 0 else cls(storage, "vfs", tuple(prefix))

    def buildah(self, *arguments: str, timeout: float = 300) -> Completed:
        """Run buildah; never raises for its exit code."""
        options = ("--storage-driver", self.driver, "--root", f"{self.storage}/root")
        settings = ("BUILDAH_ISOLATION=chroot", f"TMPDIR={self.storage.parent}")
        return run(
            *(*self.prefix, "env", *settings, "buildah", *options, "--runroot", f"{self.storage}/run"),
            *arguments,
            timeout=timeout,
        )

    def build(self, name: str, file: Path, context: Path, *options: str) -> None:
        """Build an image; in Docker's format, since the other has no health check.

        Raises:
            BuildError: A step failed.
        """
        # one layer for all steps: each could be a copy of the whole
        flags = ("--format", "docker", "--layers=false", "--pull-never", "--tag", name, "--file", str(file))
        check(self.buildah("bud", *flags, *options, str(context)), f"build of {file}")

    def build_base(self, tar: Path) -> None:
        """Build the image that stands in for both bases."""
        self.build(BASE, STAND_IN / "Containerfile", tar.parent, "--build-arg", f"BASE_TAR={tar.name}")

    @contextmanager
    def container(self, image: str) -> Iterator[Container]:
        """A container of an image; its changes are forgotten."""
        name = check(self.buildah("from", "--pull-never", image), f"container of {image}").output.strip()
        try:
            yield Container(self, name)
        finally:
            self.buildah("rm", name)


@dataclass(frozen=True, slots=True)
class Container:
    """A container, in which commands run as the image says: its user, its environment."""

    builder: Builder
    name: str

    def run(
        self,
        *command: str,
        environment: dict[str, str] | None = None,
        volumes: Sequence[str] = (),
        timeout: float = 120,
    ) -> Completed:
        """Run a command; never raises for its exit code."""
        env = [f"--env={name}={value}" for name, value in (environment or {}).items()]
        mounts = [f"--volume={volume}" for volume in volumes]
        return self.builder.buildah("run", *env, *mounts, self.name, "--", *command, timeout=timeout)


def run(*command: str, timeout: float = 300) -> Completed:
    """Run a command; never raises for its exit code."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    return Completed(done.returncode, done.stdout, done.stderr)


def check(done: Completed, what: str) -> Completed:
    """Pass on what succeeded.

    Raises:
        BuildError: It did not.
    """
    if done.returncode != 0:
        tail = "\n".join((done.output + done.errors).strip().splitlines()[-30:])
        raise BuildError(f"{what} ended with {done.returncode}:\n{tail}")
    return done


def install_tools() -> tuple[str, ...]:
    """Find buildah and debootstrap, or install them by apt where that is allowed.

    Returns:
        What makes a command root's.

    Raises:
        BuildError: Neither; says what to type.
    """
    prefix = _privileged_prefix()
    if prefix is None:
        raise BuildError(ADVICE)
    if any(shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None for tool in TOOLS):
        install = ("apt-get", "install", "-y", "-q", "--no-install-recommends", *TOOLS)
        for command in (("apt-get", "update", "-q"), install):
            done = run(*prefix, "env", "DEBIAN_FRONTEND=noninteractive", *command)
            check(done, f"{' '.join(command)} ({ADVICE})")
    return tuple(prefix)


def make_base(prefix: Sequence[str]) -> Path:
    """Make the small Debian, or take the one that was made before.

    Raises:
        BuildError: debootstrap failed.
    """
    script, uv = STAND_IN / "prepare.sh", Path(sys.executable).with_name("uv")
    parts = (SUITE, *PACKAGES, platform.machine(), script.read_text(), str(uv.stat().st_size))
    tar = CACHE / f"{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:16]}.tar"
    if tar.is_file():
        return tar
    CACHE.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".draft-", dir=CACHE))
    root = work / "root"
    try:
        options = ("--variant=minbase", f"--include={','.join(PACKAGES)}")
        check(run(*prefix, "debootstrap", *options, SUITE, str(root), timeout=500), "debootstrap")
        check(run(*prefix, "cp", str(uv), str(script), str(root)), "copying uv")
        check(run(*prefix, "chroot", str(root), "sh", "/prepare.sh"), "prepare.sh")
        draft = work / "base.tar"
        check(run(*prefix, "tar", "-C", str(root), "-cf", str(draft), "."), "tar")
        draft.rename(tar)
    finally:
        run(*prefix, "rm", "-rf", str(work))
    return tar


def describe_index() -> tuple[str | None, str | None]:
    """Say where packages come from here, as pip is told: the index, and the file of certificates."""
    config = ConfigParser()
    own = (Path.home() / ".config" / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf")
    config.read([Path("/etc/pip.conf"), *own, os.environ.get("PIP_CONFIG_FILE", os.devnull)])
    found = dict(config["global"]) if config.has_section("global") else {}
    environ = os.environ
    index = environ.get("UV_DEFAULT_INDEX") or environ.get("PIP_INDEX_URL") or found.get("index-url")
    certificates = environ.get("SSL_CERT_FILE") or environ.get("PIP_CERT") or found.get("cert")
    return index, certificates


def hand_over_index(folder: Path) -> list[str]:
    """Write pip's and uv's configuration for a build: what this machine uses, by no word in the Dockerfile.

    Returns:
        Options of ``buildah bud``.
    """
    index, certificates = describe_index()
    pip, uv, options = ["[global]"], [], []
    if index:
        pip.append(f"index-url = {index}")
        uv.append(f'[[index]]\nurl = "{index}"\ndefault = true')
    if certificates:
        options += ["--volume", f"{certificates}:{CERTIFICATES}:ro"]
        pip.append(f"cert = {CERTIFICATES}")
        uv.insert(0, "native-tls = true")
    for name, lines in (("pip.conf", pip), ("uv.toml", uv)):
        (folder / name).write_text("\n".join(lines) + "\n")
    return [
        *options,
        *("--volume", f"{folder}/pip.conf:/etc/pip.conf:ro"),
        *("--volume", f"{folder}/uv.toml:/etc/uv/uv.toml:ro"),
    ]
