"""Certificates that nobody but a test trusts."""

import ssl
import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str) -> Path:
    """One for `name`, with its key, in one file."""
    key, cert, both = (folder / f"{name}.{part}.pem" for part in ("key", "cert", "both"))
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    about = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *about, *files], check=True, capture_output=True)
    both.write_text(key.read_text() + cert.read_text())
    return both


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
