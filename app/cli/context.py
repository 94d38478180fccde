"""What every command works with, made when first asked for."""

from functools import cached_property

import click

from app.bootstrap import audit_engine
from app.settings import Settings, load
from app.store.engine import Engine


class Context:
    """The settings and the database that the environment and the options name."""

    @cached_property
    def settings(self) -> Settings:
        """Raises ConfigurationError."""
        return load(acting=False)

    @cached_property
    def engine(self) -> Engine:
        """Its connections are closed when the command ends."""
        engine = audit_engine(self.settings)
        click.get_current_context().call_on_close(engine.dispose)
        return engine


pass_context = click.make_pass_decorator(Context, ensure=True)
