"""Keys in files: what signs checkpoints and cuts, what did so before, what signs manifests of schema 1, and tokens."""

import json

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from app.domain.checkpoints import PublicKey, SigningKey
from app.settings.load import Settings
from app.settings.origins_folder import write_private
from app.settings.yamlfile import ConfigurationError


def signing_key(settings: Settings) -> SigningKey:
    """Raises ConfigurationError where none was made, or what is there is none."""
    path = settings.checkpoint_key
    if not path.exists():
        raise ConfigurationError("there is no key that signs checkpoints; make one with: tagtrail audit key")
    try:
        return SigningKey.parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def trusted_keys(settings: Settings) -> list[PublicKey]:
    """Whose signatures count: the key of DATA, if there is one, and the earlier ones that `audit.keys` lists.

    Raises ConfigurationError.
    """
    own = [signing_key(settings).public] if settings.checkpoint_key.exists() else []
    return own + [PublicKey.parse(text) for text in settings.file.audit.keys]


def token_key(settings: Settings) -> str:
    """What signs the tokens of our own service, as PEM; made by the first who needs it."""
    path = settings.data / "registry-token.key"
    if not path.exists():
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, ECKey.generate_key("P-256").as_pem(private=True).decode(), replace=False)
    return path.read_text(encoding="utf-8")


def schema1_key(settings: Settings) -> ECKey | RSAKey:
    """The private key that `compatibility.schema1.signingkeyfile` names, as PEM or JWK, or one that is made in DATA.

    Raises ConfigurationError.
    """
    path = settings.registry.compatibility.schema1.signingkeyfile
    if path is None:
        path = settings.data / "schema1.key"
        if not path.exists():
            write_private(path, ECKey.generate_key("P-256").as_pem(private=True).decode(), replace=False)
    try:
        text = path.read_text(encoding="utf-8")
        key = import_key(json.loads(text) if text.lstrip().startswith("{") else text)
    except (OSError, ValueError, JoseError) as error:
        raise ConfigurationError(f"{path}: no key that can sign manifests: {error}") from None
    if not isinstance(key, ECKey | RSAKey) or not key.is_private:
        raise ConfigurationError(f"{path}: no private key of type EC or RSA")
    return key
