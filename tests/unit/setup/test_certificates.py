"""The certificate of TLS and browser phones: made once, kept, renewed in time, or the admin's."""

from __future__ import annotations

import contextlib
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.setup import certificates
from callcenter.setup.certificates import (
    RENEW_BEFORE,
    VALID,
    CertificateFiles,
    authority_files,
    certificate_files,
    ensure_certificate,
    own_names,
    problem_of,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def named(tmp_path: Path, files: CertificateFiles) -> Settings:
    """Settings that name `files` as the admin's own."""
    return Settings(
        home=tmp_path / "other", tls_certificate=str(files.certificate), tls_key=str(files.key)
    )


def test_one_is_made_kept_and_made_anew_a_month_before_its_end(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    files = ensure_certificate(settings, NOW)
    first = files.certificate.read_bytes()
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert problem_of(files, NOW) is None
    end = NOW + VALID
    for moment in (NOW, end - RENEW_BEFORE - timedelta(hours=1)):
        ensure_certificate(settings, moment)
        assert files.certificate.read_bytes() == first
    ensure_certificate(settings, end - RENEW_BEFORE + timedelta(hours=1))
    assert files.certificate.read_bytes() != first
    assert problem_of(files, end) is None


@pytest.mark.parametrize("broken", ["certificate", "key"])
@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_half_a_pair_is_made_whole(tmp_path: Path, broken: str, damage: str) -> None:
    settings = Settings(home=tmp_path)
    files = ensure_certificate(settings, NOW)
    path: Path = getattr(files, broken)
    path.unlink() if damage == "gone" else path.write_bytes(b"")
    assert problem_of(ensure_certificate(settings, NOW), NOW) is None


def test_it_names_every_way_to_this_machine_and_is_no_authority(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, external_address="198.51.100.7")
    files = ensure_certificate(settings, NOW)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert {"198.51.100.7", "127.0.0.1"} <= set(addresses)
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert own_names(settings)[0] == "198.51.100.7"
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not basic.ca
    # OpenSSL, which the PBX uses, takes the pair.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)


def test_whoever_trusts_the_authority_trusts_what_it_makes(tmp_path: Path) -> None:
    """OpenSSL's own judgement, over a real handshake: by name and by address, and nobody else's."""
    settings = Settings(home=tmp_path / "one")
    files = ensure_certificate(settings)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=str(settings.authority_file))
    for name in ("localhost", "127.0.0.1"):
        shake(server, client, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server, client, "elsewhere.example")
    other = Settings(home=tmp_path / "other")
    ensure_certificate(other)
    stranger = ssl.create_default_context(cafile=str(other.authority_file))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server, stranger, "localhost")


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """A handshake without a network."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    two = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (one, two):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert one.version() is not None


def test_the_authority_stays_while_its_certificates_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    files = ensure_certificate(settings, NOW)
    authority, key = authority_files(settings).certificate, authority_files(settings).key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    trusted, first = authority.read_bytes(), files.certificate.read_bytes()
    ensure_certificate(settings, NOW + VALID)
    second = files.certificate.read_bytes()
    monkeypatch.setattr(certificates, "own_names", lambda _settings: ["desk.example", "192.0.2.9"])
    ensure_certificate(settings, NOW + VALID)
    third = files.certificate.read_bytes()
    assert len({first, second, third}) == 3
    assert authority.read_bytes() == trusted
    found = x509.load_pem_x509_certificate(third)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["desk.example"]


def test_a_certificate_of_before_there_was_an_authority_is_replaced(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    files = ensure_certificate(settings, NOW)
    for file in (authority_files(settings).certificate, authority_files(settings).key):
        file.unlink()
    before = files.certificate.read_bytes()
    ensure_certificate(settings, NOW)
    assert files.certificate.read_bytes() != before


def test_the_admins_own_are_used_as_they_are(tmp_path: Path) -> None:
    made = ensure_certificate(Settings(home=tmp_path), NOW)
    settings = named(tmp_path, made)
    assert ensure_certificate(settings, NOW) == made == certificate_files(settings)
    assert not settings.tls_dir.exists()


def test_what_is_wrong_with_the_admins_own_is_said(tmp_path: Path) -> None:
    made = ensure_certificate(Settings(home=tmp_path / "a"), NOW)
    other = ensure_certificate(Settings(home=tmp_path / "b"), NOW)
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    missing = tmp_path / "missing.pem"
    for certificate, key, at, said in (
        (missing, made.key, NOW, "cannot be read"),
        (text, made.key, NOW, "no certificate"),
        (made.certificate, missing, NOW, "cannot be read"),
        (made.certificate, text, NOW, "no private key"),
        (made.certificate, other.key, NOW, "is not the key of"),
        (made.certificate, made.key, NOW + VALID, "ended on"),
    ):
        settings = named(tmp_path, CertificateFiles(certificate, key))
        with pytest.raises(SetupError, match=said) as caught:
            ensure_certificate(settings, at)
        assert caught.value.error_code == "bad_certificate"
        assert "CALLCENTER_TLS_CERTIFICATE" in caught.value.message


def test_one_without_the_other_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="belong together"):
        Settings(home=tmp_path, tls_certificate="/x.pem")
