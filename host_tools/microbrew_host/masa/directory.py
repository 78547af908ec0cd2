"""Names of the files in a manufacturer's directory that the MASA works with; the factory makes them."""

from pathlib import Path

SIGNING_KEY = "masa-key.pem"
SIGNING_CERTIFICATE = "masa-cert.pem"
TLS_KEY = "tls-key.pem"
TLS_CERTIFICATE = "tls-cert.pem"
DATABASE = "masa.sqlite"


def require(directory: Path) -> Path:
    """``directory`` itself if it is a manufacturer's. Raises ValueError with a sentence."""
    if not (directory / SIGNING_KEY).is_file():
        raise ValueError(f"{directory} is no manufacturer's directory; `microbrew factory init` makes one")
    return directory
