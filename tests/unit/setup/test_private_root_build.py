"""Making the private root, with an apt and a dpkg-deb that only act: no network, no packages."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from callcenter.platform.errors import SetupError
from callcenter.setup import private_root
from callcenter.setup.private_root import ARCHITECTURES, ensure_private_root, root_path

PACKAGES = ("asterisk", "sip-tester")

APT = """#!/bin/sh
# Notes how it was called, then does what HOST says it should.
echo "$@" >> "$HOST/calls"
for word; do case "$word" in
    -oDir::Cache=*) cache=${word#-oDir::Cache=} ;;
    -oDir::Etc::sourcelist=*) cp "${word#-oDir::Etc::sourcelist=}" "$HOST/sources.list" ;;
    indextargets|update|install) action=$word ;;
esac; done
if [ -e "$HOST/$action.fails" ]; then
    echo "Reading"
    cat "$HOST/$action.fails"
    exit 100
fi
case $action in
    indextargets) echo "http://mirror.example/debian/|Debian|Debian" ;;
    install)
        for name in asterisk_1%3a22.10.1_amd64 sip-tester_1_amd64; do
            touch "$cache/archives/$name.deb"
        done ;;
esac
"""
DPKG_DEB = """#!/bin/sh
# dpkg-deb -x ARCHIVE ROOT
if [ -e "$HOST/unpack.fails" ]; then echo "dpkg-deb: error: no space"; exit 2; fi
mkdir -p "$3/usr/bin" && touch "$3/usr/bin/$(basename "$2" | cut -d_ -f1)"
"""


class Host:
    """A Debian whose package tools are scripts of ours."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("apt-get", APT), ("dpkg-deb", DPKG_DEB), ("dpkg", "")):
            (programs / name).write_text(text or "#!/bin/sh\necho amd64\n", encoding="utf-8")
            (programs / name).chmod(0o755)
        keyring = folder / "archive.gpg"
        keyring.touch()
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        monkeypatch.setenv("HOST", str(folder))
        monkeypatch.setattr(private_root, "KEYRINGS", (folder / "missing.gpg", keyring))
        self.keyring = keyring
        self.said: list[str] = []

    def fail(self, action: str, message: str) -> None:
        (self.folder / f"{action}.fails").write_text(f"{message}\n", encoding="utf-8")

    def build(self) -> Path:
        return ensure_private_root(self.cache, PACKAGES, self.said.append).path

    def calls(self, action: str) -> list[str]:
        lines = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if f" {action}" in f" {line}"]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_a_root_is_whole_and_nothing_else_is_left(host: Host) -> None:
    path = host.build()
    assert path == root_path(host.cache, PACKAGES, ARCHITECTURES["amd64"])
    assert (path / "usr/bin/asterisk").exists()
    assert (path / "packages.txt").read_text().splitlines() == [
        "asterisk_1%3a22.10.1_amd64",
        "sip-tester_1_amd64",
    ]
    assert {entry.name for entry in host.cache.iterdir()} == {path.name, "root.lock"}


def test_a_second_call_asks_nobody(host: Host) -> None:
    host.build()
    before = len(host.calls(""))
    host.build()
    assert len(host.calls("")) == before


def test_packages_come_from_the_hosts_mirror_signed_by_debians_keys(host: Host) -> None:
    host.build()
    source = (host.folder / "sources.list").read_text(encoding="utf-8").strip()
    assert source == (
        f"deb [arch=amd64 signed-by={host.keyring}] http://mirror.example/debian/ sid main"
    )
    everything = " ".join(host.calls(""))
    for weakening in ("allow-unauthenticated", "AllowUnauthenticated", "AllowInsecure", "trusted"):
        assert weakening not in everything


@pytest.mark.parametrize(
    ("action", "message", "code"),
    [
        ("update", "E: The repository is not signed.", "no_network"),
        ("install", "E: Unable to locate package asterisk", "no_packages"),
        ("unpack", "", "unpack_failed"),
    ],
)
def test_a_failure_is_said_and_leaves_nothing_behind(
    host: Host, action: str, message: str, code: str
) -> None:
    host.fail(action, message)
    with pytest.raises(SetupError) as caught:
        host.build()
    assert caught.value.error_code == code
    assert message.rstrip(".") in caught.value.message
    assert "\n" not in caught.value.message
    assert {entry.name for entry in host.cache.iterdir()} == {"root.lock"}
    (host.folder / f"{action}.fails").unlink()
    assert host.build().is_dir()


def test_a_host_without_a_debian_mirror_is_told(host: Host) -> None:
    host.fail("indextargets", "")
    with pytest.raises(SetupError, match="knows no reachable Debian mirror"):
        host.build()


def test_without_debians_keys_nothing_is_fetched(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_root, "KEYRINGS", ())
    with pytest.raises(SetupError, match="debian-archive-keyring"):
        host.build()
    assert host.calls("install") == []


def test_a_full_disk_is_said_before_anything_is_fetched(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_root, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(SetupError, match="MiB free, a private PBX needs"):
        host.build()
    assert not (host.folder / "calls").exists()


def test_what_a_killed_build_left_is_cleared(host: Host) -> None:
    left = host.cache / ".root-amd64-0123456789ab.4711"
    (left / "root" / "usr").mkdir(parents=True)
    host.build()
    assert not left.exists()


def test_two_builds_at_once_fetch_once(host: Host) -> None:
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(host.build())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 3
    assert len(set(paths)) == 1
    assert len(host.calls("install")) == 1


def test_an_architecture_we_know_no_loader_for_is_said(host: Host) -> None:
    (host.folder / "bin" / "dpkg").write_text("#!/bin/sh\necho riscv64\n", encoding="utf-8")
    with pytest.raises(SetupError, match="not for riscv64"):
        host.build()


def test_a_cache_that_cannot_be_written_names_its_setting(host: Host) -> None:
    host.cache.touch()
    with pytest.raises(SetupError, match="CALLCENTER_CACHE"):
        host.build()
