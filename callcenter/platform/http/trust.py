"""``/trust/…``: what another PC needs to trust this service: the authority's certificate, and its
fingerprint to compare with what the start has printed. Both are public; no key is ever served."""

from __future__ import annotations

from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from callcenter.platform.config import Settings
from callcenter.platform.errors import NotFound
from callcenter.platform.http.given import Given

router = APIRouter(prefix="/trust", include_in_schema=False)

KIND = "application/x-x509-ca-cert"
"""By it browsers and Windows know what to do with the file."""


class AuthorityOut(BaseModel):
    """Whom to trust."""

    name: str
    fingerprint: str
    """SHA-256, ``AB:CD:…``."""
    ends_on: str
    """The last day, ISO 8601."""


async def _authority(settings: Given[Settings]) -> x509.Certificate:
    if settings.tls_certificate:
        raise NotFound("this service has a certificate of its own", code="no_authority")
    try:
        pem = await run_in_threadpool(settings.authority_file.read_bytes)
    except OSError as error:
        raise NotFound("no authority has been made here", code="no_authority") from error
    return x509.load_pem_x509_certificate(pem)


Authority = Annotated[x509.Certificate, Depends(_authority)]


@router.get("/authority.json")
async def describe(authority: Authority) -> AuthorityOut:
    """Name and fingerprint."""
    (name,) = authority.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return AuthorityOut(
        name=str(name.value),
        fingerprint=authority.fingerprint(hashes.SHA256()).hex(":").upper(),
        ends_on=authority.not_valid_after_utc.date().isoformat(),
    )


@router.get("/authority.crt")
async def certificate(authority: Authority) -> Response:
    """The certificate, to be imported."""
    content = authority.public_bytes(serialization.Encoding.DER)
    headers = {"Content-Disposition": 'attachment; filename="12345-authority.crt"'}
    return Response(content, media_type=KIND, headers=headers)
