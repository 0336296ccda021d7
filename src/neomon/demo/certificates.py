"""Certificates of the demo's edge: a private authority, and server certificates of any age."""

from __future__ import annotations

import datetime
import ipaddress
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from neomon.stack.files import replace_file

NORMAL_DAYS = 90
RENEW_DAYS = 45
"""A certificate with less time left is renewed, well before the alert at 30 days."""
FAULTY_DAYS = 10
_AUTHORITY_DAYS = 3650


@dataclass(frozen=True)
class EdgeCertificates:
    """The files in the demo's certificate directory."""

    directory: Path

    @property
    def authority(self) -> Path:
        """Certificate of the private authority, for clients to trust."""
        return self.directory / "authority.pem"

    @property
    def server(self) -> Path:
        """Certificate and key the edge serves."""
        return self.directory / "edge.pem"

    def ensure(self) -> None:
        """Make what is missing, and renew what ends soon."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._authority_key.exists() or not self.authority.exists():
            self._make_authority()
        if not self.server.exists() or days_left(self.server) < RENEW_DAYS:
            self.issue(NORMAL_DAYS)

    def issue(self, days: int) -> None:
        """Replace the server's certificate by a new one that ends in `days` days."""
        authority = x509.load_pem_x509_certificate(self.authority.read_bytes())
        signer = serialization.load_pem_private_key(self._authority_key.read_bytes(), password=None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        certificate = (
            _builder("edge.neo-stack.demo", days)
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        replace_file(self.server, certificate.public_bytes(serialization.Encoding.PEM) + _key_bytes(key))

    @property
    def _authority_key(self) -> Path:
        return self.directory / "authority.key"

    def _make_authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder("NEO_STACK demo authority", _AUTHORITY_DAYS)
        certificate = (
            builder.issuer_name(_name("NEO_STACK demo authority"))
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        replace_file(self._authority_key, _key_bytes(key))
        replace_file(self.authority, certificate.public_bytes(serialization.Encoding.PEM))


def days_left(certificate: Path) -> float:
    """Days until a PEM certificate ends."""
    return (expiry(certificate) - time.time()) / 86_400


def expiry(certificate: Path) -> int:
    """When a PEM certificate ends, in seconds since the epoch."""
    return int(x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp())


def _builder(name: str, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
