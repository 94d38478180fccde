"""Whom a door trusts, and with which certificate it shows itself."""

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """Texts in PEM. `authorities` are trusted instead of the system's; `certificate` and `key` are ours."""

    authorities: str | None = None
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)

    def context(self) -> ssl.SSLContext:
        """Raise OSError (ssl.SSLError is one) for what can't be used."""
        context = ssl.create_default_context(cadata=self.authorities)
        if self.certificate is not None:
            with tempfile.TemporaryDirectory() as folder:  # 0700; OpenSSL reads a key from files only
                path = Path(folder) / "client.pem"
                path.write_text(f"{self.certificate}\n{self.key or ''}\n", encoding="utf-8")
                context.load_cert_chain(path)
        return context
