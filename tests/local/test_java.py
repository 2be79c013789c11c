"""Which JDK is found, and what is said when there is none."""

import subprocess
import sys

import pytest

from sparkdrop_local import java


@pytest.fixture
def make_jdk(tmp_path):
    """Make a folder that looks like a JDK of a version."""

    def make(name, version, *, modules=None):
        home = tmp_path / name
        (home / "bin").mkdir(parents=True)
        command = home / "bin" / "java"
        command.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
        command.chmod(0o755)
        if modules is not None:
            (home / "release").write_text(f'MODULES="{modules}"\n')
        return home

    return make


def test_java_home_comes_before_path_and_the_usual_places(make_jdk):
    home, on_path, usual = make_jdk("a", "21.0.2"), make_jdk("b", "17.0.1"), make_jdk("c", "17.0.3")
    environ = {"JAVA_HOME": str(home), "PATH": str(on_path / "bin")}
    assert java.find_jdk(environ, usual_places=[usual]) == java.Jdk(home, "21.0.2")
    environ["JAVA_HOME"] = "/no/such/folder"
    assert java.find_jdk(environ, usual_places=[usual]).home == on_path
    assert java.find_jdk({}, usual_places=[usual]).home == usual


def test_a_link_on_path_leads_to_its_jdk(make_jdk, tmp_path):
    home = make_jdk("real", "17.0.9")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert java.find_jdk({"PATH": str(tmp_path / "bin")}, usual_places=[]).home == home


@pytest.mark.parametrize("version", ["25.0.1", "11.0.20", "1.8.0_392", "18", "170"])
def test_other_versions_are_passed_over(make_jdk, version):
    other, good = make_jdk("other", version), make_jdk("good", "17")
    assert java.find_jdk({"JAVA_HOME": str(other)}, usual_places=[good]).home == good
    assert java.find_jdk({"JAVA_HOME": str(other)}, usual_places=[]) is None


def test_a_jdk_without_the_vector_module_is_passed_over(make_jdk):
    trimmed = make_jdk("trimmed", "21.0.1", modules="java.base java.sql")
    whole = make_jdk("whole", "21.0.1", modules="java.base jdk.incubator.vector")
    assert java.find_jdk({"JAVA_HOME": str(trimmed)}, usual_places=[whole]).home == whole


def test_a_java_that_does_not_answer_is_passed_over(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text("not a program")
    assert java.find_jdk({"JAVA_HOME": str(tmp_path)}, usual_places=[]) is None


def test_the_command_prints_one_home():
    answer = subprocess.run(
        [sys.executable, "-m", "sparkdrop_local.java"], capture_output=True, text=True, check=True
    )
    (home,) = answer.stdout.splitlines()
    assert java.probe_jdk(java.Path(home)) is not None


@pytest.mark.parametrize("arguments", [[], ["--install"]])
def test_one_line_says_what_to_install(monkeypatch, capsys, arguments):
    monkeypatch.setattr(java, "find_jdk", lambda: None)
    monkeypatch.setattr(java, "_privileged_prefix", lambda: None)
    assert java.main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert "install a JDK 17 or 21" in line


def test_a_missing_jdk_is_installed_where_that_is_allowed(monkeypatch, capsys, tmp_path, make_jdk):
    home = make_jdk("new", "17.0.15")
    called = tmp_path / "called"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {called}\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(java, "_privileged_prefix", list)
    found = iter([None, java.Jdk(home, "17.0.15")])
    monkeypatch.setattr(java, "find_jdk", lambda: next(found))
    assert java.main(["--install"]) == 0
    assert capsys.readouterr().out == f"{home}\n"
    assert called.read_text().splitlines() == ["update -q", f"install -y -q {java.APT_PACKAGE}"]
