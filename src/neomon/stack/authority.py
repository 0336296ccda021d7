"""A private certificate authority for the local listeners."""

from __future__ import annotations

import datetime
import ipaddress
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from neomon.errors import SettingsError
from neomon.settings import Settings
from neomon.stack.files import replace_file
from neomon.stack.tls import Certificates

_LIFETIME = datetime.timedelta(days=397)
"""Longest life browsers accept for a server certificate."""
_RENEW_BEFORE = datetime.timedelta(days=45)


def _names(settings: Settings) -> list[str]:
    names = ["localhost", "127.0.0.1", "::1", settings.local_host, socket.gethostname(), *settings.tls.names]
    return list(dict.fromkeys(names))


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def usable(files: Certificates, settings: Settings) -> bool:
    """Whether the certificate is there, lasts a while, and covers all names of this installation."""
    if not (files.certificate.is_file() and files.key.is_file() and files.ca.is_file()):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    fresh = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > _RENEW_BEFORE
    return fresh and {_alternative_name(name) for name in _names(settings)} <= set(names)


def issue(files: Certificates, ca_key_file: Path, settings: Settings) -> None:
    """Write a new server certificate, and the CA that signs it unless there is one.

    Raises:
        SettingsError: The CA's key is not one made here.
    """
    files.ca.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    if files.ca.is_file() and ca_key_file.is_file():
        ca_key = serialization.load_pem_private_key(ca_key_file.read_bytes(), password=None)
        ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    else:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"neomon CA on {socket.gethostname()}"[:64])])
        ca = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(ca_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(certificate_authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        replace_file(ca_key_file, _private_pem(ca_key))
        replace_file(files.ca, ca.public_bytes(serialization.Encoding.PEM), mode=0o644)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{ca_key_file} is not the key neomon made; remove {files.ca.parent} to start afresh")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, settings.local_host)]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_alternative_name(n) for n in _names(settings)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificate_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    replace_file(files.key, _private_pem(key))
    replace_file(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _key_usage(*, certificate_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_authority,
        crl_sign=certificate_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
