"""The certificate of encrypted SIP and of browser phones: the admin's, or one made at set-up.

Without a certificate there is no TLS at all, so a self-signed one is made when none is named. It
encrypts, but proves nothing until somebody has told phones and browsers to trust it; a city puts
its own in place with ``CALLCENTER_TLS_CERTIFICATE`` and ``CALLCENTER_TLS_KEY``. The one made here
is kept from start to start, so that whoever trusts it once need not again, and is made anew when
it is about to end or cannot be read. Removing the folder has another one made.
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
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import write_private

VALID = timedelta(days=825)
"""The longest that Apple's devices take from a certificate that a person has trusted."""
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
    if settings.tls_certificate:
        return CertificateFiles(Path(settings.tls_certificate), Path(settings.tls_key))
    return CertificateFiles(settings.tls_dir / "certificate.pem", settings.tls_dir / "key.pem")


def ensure_certificate(settings: Settings, now: datetime | None = None) -> CertificateFiles:
    """The files, made if they are ours and not there or not good for another month.

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
                " others, or to nothing for a self-signed certificate.",
                code="bad_certificate",
            )
    elif problem_of(files, moment + RENEW_BEFORE) is not None:
        _make(files, own_names(settings), moment)
    return files


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


def _make(files: CertificateFiles, names: Iterable[str], now: datetime) -> None:
    names = list(names)
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
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
