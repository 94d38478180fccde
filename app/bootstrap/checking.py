"""What would keep a start from getting on, found before anything is started."""

from app.bootstrap import make_export, make_forwards, make_notify_doors, make_receivers, make_remotes, make_sinks
from app.bootstrap.access import check_access
from app.bootstrap.registry import check_storage
from app.outbound import Door
from app.settings import Settings


def check_all(settings: Settings) -> None:
    """Make all that configuration names and throw it away. Raises ConfigurationError."""
    with Door() as door:
        make_sinks(settings, door)
        make_remotes(settings, door)
    make_forwards(settings)
    make_export(settings)
    check_registry(settings)


def check_registry(settings: Settings) -> None:
    """The same of our own registry, where it is served. Raises ConfigurationError."""
    with Door() as door:
        make_notify_doors(make_receivers(settings), door)
    if settings.serves_registry:
        check_access(settings)
        check_storage(settings)
