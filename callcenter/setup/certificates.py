"""The certificate of the console's https, of encrypted SIP and of browser phones: the admin's, or
one made at set-up by an authority that is made there, too.

Whoever trusts the authority once (the console's page ``/trust`` says how) trusts every certificate
it makes: when the machine gets another name or address, or a certificate is about to end, a new
one is made and nobody has to do anything. A city that has certificates of its own puts one in place
with ``CALLCENTER_TLS_CERTIFICATE`` and ``CALLCENTER_TLS_KEY``. Removing the folder has another
authority made, which must then be trusted anew.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import write_private

VALID = timedelta(days=825)
"""The longest that Apple's devices take from a certificate that a person has trusted."""
AUTHORITY_VALID = timedelta(days=3650)
"""Ten years: as long as the machines that trust it are used."""
AUTHORITY_NAME = "12345 Callcenter"
RENEW_BEFORE = timedelta(days=30)
BACKDATED = timedelta(days=1)
"""A phone whose clock is a little behind must not call it not valid yet."""
RSA_BITS = 2048
"""RSA, because old desk phones know nothing newer."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the PBX finds them; both PEM."""

    certificate: Path
    key: Path


def certificate_files(settings: Settings) -> CertificateFiles:
    """The admin's files if they are named, else ours."""
    return CertificateFiles(*settings.tls_files)


def authority_files(settings: Settings) -> CertificateFiles:
    """Our own authority's."""
    return CertificateFiles(settings.authority_file, settings.tls_dir / "authority-key.pem")


def ensure_certificate(settings: Settings, now: datetime | None = None) -> CertificateFiles:
    """The files, made if they are ours and not there, not good for another month, of no authority
    of ours, or without a name or address by which this machine is reached now.

    `SetupError` ``bad_certificate`` if the admin's cannot be read, do not belong together, or
    have run out: a PBX that starts without its TLS would be found out by phones that are silent.
    """
    files = certificate_files(settings)
    moment = now or datetime.now(UTC)
    if settings.tls_certificate:
        problem = problem_of(files, moment)
        if problem is not None:
            raise SetupError(
                f"{problem}; mend it, or set CALLCENTER_TLS_CERTIFICATE and CALLCENTER_TLS_KEY to"
                " others, or to nothing for one that is made here.",
                code="bad_certificate",
            )
        return files
    authority = authority_files(settings)
    if problem_of(authority, moment + RENEW_BEFORE) is not None:
        _make_authority(authority, moment)
    names = own_names(settings)
    if problem_of(files, moment + RENEW_BEFORE) is not None or not _holds(files, authority, names):
        _make(files, authority, names, moment)
    return files


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate in PEM form, as programs show it: ``AB:CD:…``."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return found.fingerprint(hashes.SHA256()).hex(":").upper()


def _holds(files: CertificateFiles, authority: CertificateFiles, names: Iterable[str]) -> bool:
    """Whether the certificate is the authority's and names all of `names`."""
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    above = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    try:
        certificate.verify_directly_issued_by(above)
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return {_name(name) for name in names} <= set(named)


def problem_of(files: CertificateFiles, at: datetime) -> str | None:
    """What keeps `files` from being used at the moment `at`, or None."""
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except OSError as error:
        return f"{files.certificate} cannot be read ({error.strerror})"
    except ValueError:
        return f"{files.certificate} holds no certificate in PEM form"
    try:
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    except OSError as error:
        return f"{files.key} cannot be read ({error.strerror})"
    except (TypeError, ValueError):
        return f"{files.key} holds no private key in PEM form without a passphrase"
    if _public(key) != _public(certificate):
        return f"{files.key} is not the key of {files.certificate}"
    if at >= certificate.not_valid_after_utc:
        return f"{files.certificate} ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
    return None


def _public(owner: object) -> bytes:
    """The public key of a certificate or a private key, as bytes to compare."""
    public = owner.public_key()  # type: ignore[attr-defined]
    encoded: bytes = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def own_names(settings: Settings) -> list[str]:
    """The names and addresses by which phones may reach this machine, the best first."""
    named = [settings.external_address, socket.gethostname(), "localhost"]
    addresses = [
        address.address
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6) and "%" not in address.address
    ]
    return list(dict.fromkeys(name for name in (*named, *addresses) if name))


def _make_authority(files: CertificateFiles, now: datetime) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    # The machine's name tells two hotlines apart in a list of authorities.
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"{AUTHORITY_NAME} {socket.gethostname()}"[:64])]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(_usage(authority=True), True)
        .add_extension(identifier, False)
        .sign(key, hashes.SHA256())
    )
    _write(files, key, certificate)


def _make(
    files: CertificateFiles, authority: CertificateFiles, names: Iterable[str], now: datetime
) -> None:
    names = list(names)
    above = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    signing = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    assert isinstance(signing, rsa.RSAPrivateKey)  # noqa: S101 - we made it
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    certificate = (
        _builder(subject, above.subject, key.public_key(), now, VALID)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_usage(authority=False), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(identifier, False)
        .sign(signing, hashes.SHA256())
    )
    _write(files, key, certificate)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: rsa.RSAPublicKey,
    now: datetime,
    valid: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + valid)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_encipherment=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(files: CertificateFiles, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
    # The key first: a certificate without its key would look like a whole pair half made.
    write_private(
        files.key,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii"),
    )
    write_private(
        files.certificate, certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))
