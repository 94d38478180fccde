"""The key that signs checkpoints, in DATA."""

from app.domain.checkpoints import SigningKey
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
