"""The key that signs checkpoints and cuts, in DATA, and those that did before it."""

from app.domain.checkpoints import PublicKey, SigningKey
from app.settings.load import Settings
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
