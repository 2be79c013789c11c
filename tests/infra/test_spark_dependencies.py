"""The archive of what Spark programs import: the same bytes each time, for the nodes' processor."""

from __future__ import annotations

import platform as this_machine
import re
import subprocess
import sys
import tarfile
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pytest
import yaml

from infra.packaging import spark_dependencies
from infra.packaging.spark_dependencies import (
    REQUIREMENTS,
    DependenciesError,
    build_dependencies,
    hash_requirements,
    main,
)
from sparkdrop.configs import load_files
from sparkdrop.core.spark_dependencies import describe_settings

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
    built = {platform: build_dependencies(requirements, output / platform, platform) for platform in MACHINES}
    return {platform: archive for platform, archive in built.items() if archive}


def test_the_same_requirements_give_the_same_bytes_and_name(
    requirements: Path, archives: dict[str, Path], tmp_path: Path
) -> None:
    again = build_dependencies(requirements, tmp_path / "elsewhere", "aarch64")
    assert again is not None
    # one name for both, so that a deployment says one
    assert again.name == archives["aarch64"].name == archives["x86_64"].name
    assert re.fullmatch(r"dependencies-[0-9a-f]{20}\.tar\.gz", again.name)
    assert again.read_bytes() == archives["aarch64"].read_bytes() != archives["x86_64"].read_bytes()


def test_the_name_says_what_was_asked_for_and_how_it_was_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "requirements.txt"

    def digest(text: str) -> str | None:
        file.write_text(text)
        return hash_requirements(file)

    known = digest("a==1\nb==2\n")
    assert digest("# why\n\n  a==1\nb==2") == known != digest("a==1\nb==3\n")
    monkeypatch.setattr(spark_dependencies, "PYTHON_VERSION", "3.12")
    assert digest("a==1\nb==2\n") != known


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


# What ships


# of each format that is read or written, with what a file's bytes become
ROUND_TRIP = """
import io, sys
import pyarrow, pyarrow.compute, pyarrow.csv, pyarrow.dataset, pyarrow.fs, pyarrow.json
import pyarrow.orc, pyarrow.parquet
import boto3, fastavro, lxml.etree, msgspec, numpy.linalg

table = pyarrow.table({"a": [1, 2], "b": ["x", None]})
file = io.BytesIO()
pyarrow.parquet.write_table(table, file, compression="zstd")
assert pyarrow.parquet.read_table(file) == table
pyarrow.orc.write_table(table, "t.orc")
assert pyarrow.orc.read_table("t.orc") == table
pyarrow.csv.write_csv(table, "t.csv")
assert pyarrow.csv.read_csv("t.csv")["a"] == table["a"]
assert pyarrow.dataset.dataset("t.csv", format="csv").count_rows() == 2
assert pyarrow.compute.sum(table["a"]).as_py() == 3
assert numpy.asarray(table["a"]).sum() == 3
fastavro.writer(file := io.BytesIO(), {"type": "record", "name": "r", "fields": []}, [{}])
file.seek(0)
assert list(fastavro.reader(file)) == [{}]
assert lxml.etree.fromstring("<a>1</a>").text == "1"
assert msgspec.json.decode(b"[1]") == [1]
boto3.client("s3", region_name="eu-central-1")
foreign = [name for name, module in sys.modules.items()
           if "site-packages" in (getattr(module, "__file__", None) or "")]
assert not foreign, foreign
"""


def read_pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))


def test_a_machine_and_emr_import_the_same() -> None:
    pins = read_pins(REQUIREMENTS.read_text())
    assert pins.items() <= read_pins((REPOSITORY / "requirements-dev.txt").read_text()).items()
    assert "numpy" in pins
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    local = {line for line in project["dependency-groups"]["local"] if "==" in line}
    asked = REQUIREMENTS.read_text().partition("# what boto3 brings")[0]
    assert {f"{name}=={version}" for name, version in read_pins(asked).items()} <= local


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ships, unpacked for this machine and this Python, beside which all else is as on EMR's."""
    folder = tmp_path_factory.mktemp("shipped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark_dependencies, "PYTHON_VERSION", f"3.{sys.version_info.minor}")
        archive = build_dependencies(REQUIREMENTS, folder, this_machine.machine())
    assert archive is not None
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "dependencies", filter="data")
    return folder


def test_all_that_is_brought_is_pinned(shipped: Path) -> None:
    infos = [info.name.removesuffix(".dist-info") for info in (shipped / "dependencies").glob("*.dist-info")]
    brought = dict(info.rsplit("-", 1) for info in infos)
    pins = read_pins(REQUIREMENTS.read_text())
    assert {name.replace("_", "-"): version for name, version in brought.items()} == pins


def test_programs_import_all_from_what_ships(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "dependencies").symlink_to(shipped / "dependencies")
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", ROUND_TRIP],
        cwd=tmp_path,
        env={"PYTHONPATH": "./dependencies"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("machine", MACHINES)
def test_no_library_needs_one_that_is_left_out(machine: str, tmp_path: Path) -> None:
    folder = tmp_path / "dependencies"
    spark_dependencies._install(REQUIREMENTS, folder, machine)
    files = [path.relative_to(folder) for path in folder.glob("pyarrow/*.so*")]
    kept = [file for file in files if not spark_dependencies._is_left_out(file)]
    names = {file.name for file in kept}
    assert len(names) < len(files)
    for file in kept:
        needed = re.findall(rb"\0(lib(?:arrow|parquet)\w*\.so\.\d+)(?=\0)", (folder / file).read_bytes())
        assert needed
        assert {name.decode() for name in needed} <= names, file


def test_every_rule_of_what_is_left_out_is_needed(shipped: Path, tmp_path: Path) -> None:
    spark_dependencies._install(REQUIREMENTS, tmp_path, this_machine.machine())
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    rules = spark_dependencies._LEFT_OUT_FILES
    assert [rule for rule in rules if not any(fnmatchcase(name, rule) for name in files)] == []
    size = sum(path.stat().st_size for path in (shipped / "dependencies").rglob("*") if path.is_file())
    assert size < 215_000_000


def test_nothing_is_packed_where_nothing_is_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# nothing\n")
    assert build_dependencies(file, tmp_path / "output", "aarch64") is None
    assert main(["--output", str(tmp_path / "output"), "--requirements", str(file)]) == 0
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
    place = f"s3://ARTIFACTS_BUCKET/dependencies/aarch64/{archive.name}"
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
