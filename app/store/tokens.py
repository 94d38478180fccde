"""Tokens of those who may ask. Of the secret only its SHA-256 is here: of 256 random bits nobody guesses one."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from app.domain.access import AccessScope, Role
from app.store.queries.paging import AnyRow
from app.store.schema import tokens


@dataclass(frozen=True, slots=True)
class Token:
    """`expires_ns` None: never. `last_used_ns` may be as much as an hour behind."""

    name: str
    role: Role
    scope: AccessScope
    made_ns: int
    expires_ns: int | None
    revoked_ns: int | None
    last_used_ns: int | None

    def works(self, now_ns: int) -> bool:
        return self.revoked_ns is None and (self.expires_ns is None or now_ns < self.expires_ns)


def add(connection: Connection, token: Token, secret_sha256: str) -> None:
    """The name must be new: `named` says."""
    values = {
        "name": token.name, "secret_sha256": secret_sha256, "role": token.role.value, "scope": _text(token.scope),
        "made_ns": token.made_ns, "expires_ns": token.expires_ns,
    }
    connection.execute(insert(tokens).values(values))


def named(connection: Connection, name: str) -> Token | None:
    return _found(connection, tokens.c.name == name)


def with_secret(connection: Connection, secret_sha256: str) -> Token | None:
    return _found(connection, tokens.c.secret_sha256 == secret_sha256)


def every(connection: Connection) -> Sequence[Token]:
    """All there ever were, by name."""
    return [_token(row) for row in connection.execute(select(tokens).order_by(tokens.c.name))]


def revoke(connection: Connection, name: str, now_ns: int) -> None:
    """For ever; the first time counts."""
    connection.execute(
        update(tokens).where(tokens.c.name == name, tokens.c.revoked_ns.is_(None)).values(revoked_ns=now_ns)
    )


def used(connection: Connection, name: str, now_ns: int, before_ns: int) -> None:
    """Note that it is used now, unless that was noted since `before_ns`."""
    stale = or_(tokens.c.last_used_ns.is_(None), tokens.c.last_used_ns < before_ns)
    connection.execute(update(tokens).where(tokens.c.name == name, stale).values(last_used_ns=now_ns))


def _found(connection: Connection, condition: ColumnElement[bool]) -> Token | None:
    row = connection.execute(select(tokens).where(condition)).one_or_none()
    return _token(row) if row else None


def _token(row: AnyRow) -> Token:
    scope = AccessScope(None) if row.scope is None else AccessScope.parse(row.scope.split())
    times = (row.made_ns, row.expires_ns, row.revoked_ns, row.last_used_ns)
    return Token(row.name, Role(row.role), scope, *times)


def _text(scope: AccessScope) -> str | None:
    return None if scope.globs is None else " ".join(str(glob) for glob in scope.globs)
