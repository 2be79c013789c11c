"""The archive of what Spark programs import: the same bytes each time, for the nodes' processor."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest
import yaml

from infra.packaging import spark_dependencies
from infra.packaging.spark_dependencies import (
    REQUIREMENTS,
    DependenciesError,
    build_dependencies,
    describe_settings,
    main,
)
from sparkdrop.configs import load_files

REPOSITORY = Path(__file__).parents[2]
# bytes 18 and 19 of an ELF file: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
MACHINES = {"aarch64": 183, "x86_64": 62}


@pytest.fixture(scope="module")
def requirements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package of Python alone and one with machine code, in the versions that the project has anyway."""
    locked = (REPOSITORY / "requirements.txt").read_text()
    names = ("python-ulid", "charset-normalizer")
    pins = [re.search(rf"^{name}==[^ ]+", locked, re.MULTILINE) for name in names]
    file = tmp_path_factory.mktemp("requirements") / "requirements.txt"
    file.write_text("# two\n\n" + "".join(f"{pin[0]}\n" for pin in pins if pin))
    return file


@pytest.fixture(scope="module")
def archives(requirements: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    output = tmp_path_factory.mktemp("archives")
    built = {platform: build_dependencies(requirements, output, platform) for platform in MACHINES}
    return {platform: archive for platform, archive in built.items() if archive}


def test_the_same_requirements_give_the_same_bytes_and_name(
    requirements: Path, archives: dict[str, Path], tmp_path: Path
) -> None:
    again = build_dependencies(requirements, tmp_path / "elsewhere", "aarch64")
    assert again is not None
    assert again.name == archives["aarch64"].name != archives["x86_64"].name
    assert re.fullmatch(r"dependencies-[0-9a-f]{20}\.tar\.gz", again.name)
    assert again.read_bytes() == archives["aarch64"].read_bytes()


def test_nothing_of_this_machine_is_in_it(archives: dict[str, Path]) -> None:
    with tarfile.open(archives["aarch64"]) as archive:
        entries = archive.getmembers()
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {
        (0, 0, 0, "", "")
    }
    assert {entry.mode for entry in entries} <= {0o644, 0o755}
    names = [PurePosixPath(entry.name) for entry in entries]
    assert names == sorted(names)
    left_out = re.compile(r"bin/|\.lock|.*/(RECORD|INSTALLER|__pycache__)")
    assert [name for name in names if left_out.match(str(name))] == []


@pytest.mark.parametrize("platform", MACHINES)
def test_machine_code_is_for_the_platform_and_emrs_python(archives: dict[str, Path], platform: str) -> None:
    with tarfile.open(archives[platform]) as archive:
        compiled = [entry for entry in archive.getmembers() if entry.name.endswith(".so")]
        contents = [archive.extractfile(entry) for entry in compiled]
        machines = {int.from_bytes(content.read(20)[18:], "little") for content in contents if content}
    assert machines == {MACHINES[platform]}
    assert all("cpython-311" in entry.name for entry in compiled)


def test_a_program_imports_from_the_unpacked_archive(archives: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(archives["aarch64"]) as archive:
        archive.extractall(tmp_path / "dependencies", filter="data")
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import ulid, importlib.metadata as m; print(m.version('python-ulid'))"],
        cwd=tmp_path,
        env={"PYTHONPATH": "./dependencies"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)


def test_nothing_is_packed_where_nothing_is_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # as it ships: the project's own programs need nothing
    assert build_dependencies(REQUIREMENTS, tmp_path / "output", "aarch64") is None
    assert main(["--output", str(tmp_path / "output")]) == 0
    assert "nothing to pack" in capsys.readouterr().out
    assert not (tmp_path / "output").exists()


def test_the_printed_lines_are_a_pipelines(
    requirements: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path), "--requirements", str(requirements)]) == 0
    _, _, lines = capsys.readouterr().out.partition("then, in a pipeline file:\n")
    (archive,) = tmp_path.glob("*.tar.gz")
    pipeline = tmp_path / "orders.yaml"
    pipeline.write_text(yaml.safe_dump({"arrival": {"keys": ["orders/*.csv"]}, **yaml.safe_load(lines)}))

    loaded = load_files([REPOSITORY / "include" / "emr_configs" / "_defaults.yaml", pipeline])

    assert loaded.errors == {}
    place = f"s3://ARTIFACTS_BUCKET/dependencies/{archive.name}"
    assert loaded.pipelines["orders"].job.spark == describe_settings(place)
    assert describe_settings(place)["spark.archives"] == f"{place}#dependencies"


@pytest.mark.parametrize(
    ("text", "platform", "message"),
    [
        (None, "aarch64", "no such file"),
        ("./no-such-wheel-1.0-py3-none-any.whl\n", "aarch64", "uv finds no wheels for aarch64"),
        ("", "riscv64", "no platform 'riscv64'"),
    ],
)
def test_what_cannot_be_packed_is_named(
    tmp_path: Path, text: str | None, platform: str, message: str
) -> None:
    file = tmp_path / "requirements.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DependenciesError, match=message):
        build_dependencies(file, tmp_path / "output", platform)
    assert not (tmp_path / "output").exists()


def test_a_failure_is_one_message_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_dependencies.shutil, "which", lambda *_, **__: None)
    file = tmp_path / "requirements.txt"
    file.write_text("anything==1\n")
    assert main(["--output", str(tmp_path), "--requirements", str(file)]) == 1
    assert capsys.readouterr().err == "no command uv: `make` installs it into .venv\n"
