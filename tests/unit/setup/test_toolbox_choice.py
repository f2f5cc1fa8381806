"""Which Asterisk is taken: the host's if it will do, else the private root's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from callcenter.platform.config import PrivateRootUse, Settings
from callcenter.platform.errors import SetupError
from callcenter.setup import private_root, toolbox
from callcenter.setup.private_root import (
    ARCHITECTURES,
    Architecture,
    PrivateRoot,
    _debian_mirror,
    find_private_root,
    root_path,
)
from callcenter.setup.toolbox import (
    PBX_PACKAGES,
    TOOL_PACKAGES,
    find_toolbox,
    needed_modules,
    parse_version,
)

AMD64 = ARCHITECTURES["amd64"]


class Machine:
    """A machine with folders of its own, and nothing on it to begin with."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "usr" / "bin"
        self.modules = folder / "usr" / "lib" / "asterisk" / "modules"
        self.data = folder / "usr" / "share" / "asterisk"
        self.cache = folder / "cache"
        self.bin.mkdir(parents=True)
        self._folder = folder
        monkeypatch.setattr("callcenter.setup.toolbox.shutil.which", self._which)
        monkeypatch.setattr(toolbox, "HOST_CONFIGURATIONS", ())
        monkeypatch.setattr(private_root, "host_architecture", lambda: AMD64)

    def _which(self, name: str, path: str | None = None) -> str | None:
        program = self.bin / name
        return str(program) if program.exists() and path is None else None

    def add(self, name: str, prints: str = "") -> None:
        program = self.bin / name
        program.write_text(f"#!/bin/sh\necho '{prints}'\n", encoding="utf-8")
        program.chmod(0o755)

    def add_asterisk(self, version: str, without: frozenset[str] = frozenset()) -> None:
        self.add("asterisk", f"Asterisk {version}")
        self.modules.mkdir(parents=True)
        for name in needed_modules() - without:
            (self.modules / name).touch()
        (self.data / "documentation").mkdir(parents=True)

    def add_root(self, packages: tuple[str, ...]) -> Path:
        path = root_path(self.cache, packages, AMD64)
        path.mkdir(parents=True)
        (path / "packages.txt").write_text(
            "asterisk_1%3a22.10.1+dfsg-1_amd64\nsip-tester_1_amd64\n"
        )
        return path

    def settings(self, use: PrivateRootUse = PrivateRootUse.AUTO) -> Settings:
        return Settings(home=self._folder / "home", cache=self.cache, private_root=use)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", (22, "22.10.1")),
        ("Asterisk 20.6.0~dfsg+~cs6.13.40431414-2build5", (20, "20.6.0")),
        ("Asterisk certified/20.7-cert2", (20, "20.7-cert2")),
        ("Asterisk GIT-22-a1b2c3", (22, "22-a1b2c3")),
        ("asterisk: not found", None),
        ("", None),
    ],
)
def test_versions_as_asterisk_says_them(said: str, version: tuple[int, str] | None) -> None:
    assert parse_version(said) == version


def test_a_good_host_needs_nothing_of_ours(machine: Machine) -> None:
    machine.add_asterisk("20.6.0")
    machine.add("sipp")
    machine.add("espeak-ng")
    box = find_toolbox(machine.settings())
    assert box.private is None
    assert box.asterisk_command == [str(machine.bin / "asterisk")]
    assert (box.asterisk_modules_dir, box.asterisk_data_dir) == (machine.modules, machine.data)
    assert "the host's" in box.describe()


def test_a_host_pbx_without_the_tools_gets_only_the_tools(machine: Machine) -> None:
    machine.add_asterisk("22.1.0")
    machine.add("sipp")
    root = machine.add_root(TOOL_PACKAGES)
    box = find_toolbox(machine.settings())
    assert box.asterisk_command == [str(machine.bin / "asterisk")]
    assert str(root / "usr/bin/espeak-ng") in box.espeak_command
    assert "the host's" in box.describe()


@pytest.mark.parametrize("version", ["18.20.0", "16.28.0~dfsg-0+deb11u4"])
def test_an_old_host_pbx_is_passed_over(machine: Machine, version: str) -> None:
    machine.add_asterisk(version)
    root = machine.add_root(PBX_PACKAGES)
    box = find_toolbox(machine.settings())
    assert str(root / "usr/sbin/asterisk") in box.asterisk_command
    assert box.asterisk_version == "22.10.1"
    assert "private root" in box.describe()


def test_a_host_pbx_that_lacks_a_module_is_passed_over(machine: Machine) -> None:
    machine.add_asterisk("22.1.0", without=frozenset({"app_queue.so"}))
    root = machine.add_root(PBX_PACKAGES)
    assert str(root / "usr/sbin/asterisk") in find_toolbox(machine.settings()).asterisk_command


def test_always_passes_over_a_good_host(machine: Machine) -> None:
    machine.add_asterisk("22.1.0")
    machine.add("sipp")
    machine.add("espeak-ng")
    root = machine.add_root(PBX_PACKAGES)
    box = find_toolbox(machine.settings(PrivateRootUse.ALWAYS))
    assert box.private == PrivateRoot(root, AMD64)


def test_never_names_what_the_host_lacks(machine: Machine) -> None:
    machine.add("sipp")
    with pytest.raises(SetupError) as caught:
        find_toolbox(machine.settings(PrivateRootUse.NEVER))
    assert "Asterisk 20 or newer" in caught.value.message
    assert "espeak-ng" in caught.value.message
    assert "sipp" not in caught.value.message


def test_before_set_up_the_mend_is_named(machine: Machine) -> None:
    with pytest.raises(SetupError, match="run `callcenter setup`"):
        find_toolbox(machine.settings())


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=lambda item: item.name)
def test_a_program_runs_through_the_loader_of_its_own_architecture(
    tmp_path: Path, architecture: Architecture
) -> None:
    command = PrivateRoot(tmp_path, architecture).command("usr/sbin/asterisk")
    libraries = tmp_path / "usr" / "lib" / architecture.triplet
    assert command[0] == str(libraries / architecture.loader)
    assert command[2].split(":")[0] == str(libraries)
    assert command[-1] == str(tmp_path / "usr/sbin/asterisk")


def test_another_list_of_packages_is_another_root(tmp_path: Path) -> None:
    whole = root_path(tmp_path, PBX_PACKAGES, AMD64)
    assert whole != root_path(tmp_path, TOOL_PACKAGES, AMD64)
    assert whole == root_path(tmp_path, tuple(reversed(PBX_PACKAGES)), AMD64)
    assert whole != root_path(tmp_path, PBX_PACKAGES, ARCHITECTURES["arm64"])


def test_a_half_made_root_is_none(machine: Machine) -> None:
    whole = root_path(machine.cache, PBX_PACKAGES, AMD64)
    (whole.with_name(f".{whole.name}.{os.getpid()}") / "root").mkdir(parents=True)
    assert find_private_root(machine.cache, PBX_PACKAGES) is None


@pytest.mark.parametrize(
    ("targets", "mirror"),
    [
        (
            "http://security.example/debian-security/|Debian|Debian-Security\n"
            "http://one.example/debian/|Debian|Debian\n"
            "http://two.example/debian/|Debian|Debian\n",
            "http://one.example/debian/",
        ),
        ("https://apt.example/vendor/|Vendor|vendor\n", None),
        ("cdrom:[Debian]/|Debian|Debian\n", None),
        ("http://one.example/debian/||\n", None),
        ("", None),
    ],
)
def test_the_mirror_is_the_one_the_host_has_for_debian(targets: str, mirror: str | None) -> None:
    assert _debian_mirror(targets) == mirror
