"""The configuration, read once: one frozen model from the environment, `tagtrail.yml` and `DATA/origins.d`."""

from app.settings.load import Settings, load
from app.settings.origins_folder import OriginsFolder
from app.settings.yamlfile import ConfigurationError

__all__ = ["ConfigurationError", "OriginsFolder", "Settings", "load"]
