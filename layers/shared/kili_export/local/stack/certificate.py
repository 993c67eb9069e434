"""The certificate by which the parts of SeaweedFS know each other, another for each start."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kili_export.local.stack.private_files import write_private

# Neither a clock that is set back nor a long run may end it.
_VALID: Final = timedelta(days=36_500)
_CERTIFICATE: Final = "grpc.crt"
_KEY: Final = "grpc.key"
_PARTS: Final = ("MASTER", "VOLUME", "FILER", "S3", "CLIENT")


def grpc_environment(folder: Path) -> Mapping[str, str]:
    """Writes a new certificate and its key; the variables by which SeaweedFS takes them.

    Callers must show this very certificate: it is its own authority.
    """
    _write_new(folder / _CERTIFICATE, folder / _KEY)
    return grpc_variables(folder)


def grpc_variables(folder: Path) -> Mapping[str, str]:
    """The variables by which SeaweedFS takes the certificate that the last start wrote."""
    certificate, key = folder / _CERTIFICATE, folder / _KEY
    variables = {"WEED_GRPC_CA": str(certificate)}
    for part in _PARTS:
        variables[f"WEED_GRPC_{part}_CERT"] = str(certificate)
        variables[f"WEED_GRPC_{part}_KEY"] = str(key)
    return variables


def _write_new(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kili-export")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID / 10)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    write_private(certificate, made.public_bytes(serialization.Encoding.PEM))
    write_private(
        key,
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
