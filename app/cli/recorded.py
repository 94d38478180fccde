"""What commands do to files, written into the log of actions."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.bootstrap import audit_engine
from app.domain.checkpoints import SigningKey
from app.settings import Settings
from app.settings.operator import operator
from app.settings.origins_folder import write_private
from app.store import actions
from app.store.actions import Action
from app.store.engine import reading, writing
from app.store.presence import has_file, has_tables


@contextmanager
def recorded(settings: Settings, action: Action) -> Iterator[None]:
    """Do what stands inside and write `action` down, or neither. Raises UnavailableError.

    Where there is no database yet, the first start writes down what it finds.
    """
    if not has_file(settings.database_url):
        yield
        return
    engine = audit_engine(settings)
    try:
        with reading(engine) as connection:
            logs = has_tables(connection)
        if not logs:
            yield
            return
        with writing(engine) as connection:
            actions.add(connection, action)
            yield
    finally:
        engine.dispose()


def make_key(settings: Settings) -> None:
    """Make the key that signs checkpoints and cuts, if there is none."""
    path = settings.checkpoint_key
    if path.exists():
        return
    fresh = SigningKey.generate()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with recorded(settings, Action(operator(), "audit.key", fresh.public.id, {"public": str(fresh.public)})):
        write_private(path, fresh.secret + "\n", replace=False)
