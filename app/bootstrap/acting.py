"""What acts on changes: the sinks, the rules that lead to them, the lanes that go out."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from app.bootstrap.addresses import told_at
from app.domain.deliveries import in_flight
from app.domain.settling import Settle
from app.settings import Settings
from app.settings.causes import UNPROVEN

if TYPE_CHECKING:
    from app.outbound import Door, Tls
    from app.outbound.logins import Login
    from app.settings.notifications import Endpoint, EndpointTls
    from app.settings.sections import File
    from app.sinks.sink import Channel, Sink, Trigger
    from app.usecases.deliver import Manners
    from app.usecases.fan import Fan
    from app.usecases.forward import Forward
    from app.usecases.notify import Receiver


def make_sinks(settings: Settings, door: "Door") -> Mapping[str, "Sink"]:
    """The sink of each destination: `trigger:NAME` and `channel:NAME`. Raises ConfigurationError."""
    sinks: dict[str, Sink] = dict(make_channels(settings, door))
    sinks.update(make_triggers(settings, door))
    return sinks


def make_triggers(settings: Settings, door: "Door") -> Mapping[str, "Trigger"]:
    """Those that deploy, as `trigger:NAME`. Raises ConfigurationError."""
    return {f"trigger:{name}": make_trigger(settings, door, name) for name in settings.file.triggers}


def make_trigger(settings: Settings, door: "Door", name: str) -> "Trigger":
    """One of them. Raises ConfigurationError."""
    from app.sinks import kinds

    with told_at(settings, "triggers", name):
        return kinds.trigger(settings.file.triggers[name], door)


def make_channels(settings: Settings, door: "Door") -> Mapping[str, "Channel"]:
    """Those that people read, as `channel:NAME`. Raises ConfigurationError."""
    return {f"channel:{name}": make_channel(settings, door, name) for name in settings.file.channels}


def make_channel(settings: Settings, door: "Door", name: str) -> "Channel":
    """One of them. Raises ConfigurationError."""
    from app.sinks import kinds

    with told_at(settings, "channels", name):
        return kinds.channel(settings.file.channels[name], door)


def make_fan(settings: Settings, sinks: Mapping[str, "Sink"]) -> "Fan":
    from app.usecases.fan import Fan

    def unproven(origin: str) -> bool:
        section = settings.origins.get(origin)
        return section is not None and section.proof in UNPROVEN

    channels = {f"channel:{name}": one for name, one in settings.file.channels.items()}
    return Fan(
        settings.rules,
        sinks,
        settings.public_url,
        settings.file.max_age,
        make_settle(settings.file),
        unproven,
        following={name for name, one in channels.items() if one.follow_up},
        limits={name: one.limit for name, one in channels.items() if one.limit},
        link_key=settings.link_key(),
        protected=settings.protected,
    )


def make_settle(file: "File") -> Mapping[str, Settle]:
    """By destination, how long what goes there waits for more."""
    return {name: Settle(one.settle, one.settle_max) for name, one in file.destinations.items()}


def make_manners(settings: Settings, door: "Door") -> Mapping[str, "Manners"]:
    """By destination, how it is treated, and who hears that it is disabled: the others of `notices:`."""
    from app.usecases.deliver import Manners

    told = make_notified(settings, door)
    return {
        name: Manners(
            in_flight=one.in_flight or in_flight(name),
            disable_after_ns=one.disable_after,
            told={other: channel for other, channel in told.items() if other != name},
        )
        for name, one in settings.file.destinations.items()
    }


def make_notified(settings: Settings, door: "Door") -> Mapping[str, "Channel"]:
    """The channels that are told of Tagtrail itself, all unless said. Raises ConfigurationError."""
    wanted = settings.file.notices
    channels = make_channels(settings, door)
    return channels if wanted is None else {f"channel:{name}": channels[f"channel:{name}"] for name in wanted}


def make_receivers(settings: Settings) -> Mapping[str, "Receiver"]:
    """The endpoints of our registry's notifications by name. Raises ConfigurationError."""
    return {endpoint.name: _receiver(settings, endpoint) for endpoint in settings.endpoints}


def _receiver(settings: Settings, endpoint: "Endpoint") -> "Receiver":
    from app.domain.signatures import SigningSecret
    from app.outbound import Url, split_login
    from app.usecases.notify import Receiver

    place, login = split_login(endpoint.url.get_secret_value())
    with told_at(settings, "registry", "notifications", "endpoints", *_position(settings, endpoint)):
        return Receiver(
            name=endpoint.name,
            url=Url.parse(place),
            headers=tuple(_headers(endpoint, login)),
            timeout_ns=endpoint.timeout,
            backoff_ns=endpoint.backoff,
            ignore=endpoint.ignored,
            most_at_once=endpoint.batch,
            max_age_ns=endpoint.maxage,
            park_after=endpoint.deadletter.after,
            secret=SigningSecret.parse(endpoint.secret.get_secret_value()) if endpoint.secret else None,
            tls=_tls(endpoint.tls),
            plain=not endpoint.tagtrail,
        )


def _headers(endpoint: "Endpoint", login: "Login | None") -> Iterator[tuple[str, str]]:
    """Those that are configured; a login in the URL is shown where none of them is `Authorization`, as Go does it."""
    if login is not None and "authorization" not in map(str.lower, endpoint.headers):
        yield "Authorization", f"Basic {login.encoded}"
    for name, values in endpoint.headers.items():
        yield from ((name, value.get_secret_value()) for value in values)


def _position(settings: Settings, endpoint: "Endpoint") -> tuple[int, ...]:
    """In the configured list; nothing for the one that is there unless others are."""
    configured = settings.registry.notifications.endpoints or ()
    return tuple(at for at, one in enumerate(configured) if one.name == endpoint.name)[:1]


def _tls(section: "EndpointTls") -> "Tls | None":
    from app.sinks.doors import tls_of

    return tls_of(section) if section.ca or section.certificate else None


def make_notify_doors(receivers: Mapping[str, "Receiver"], shared: "Door") -> Mapping[str, "Door"]:
    """The door to each endpoint: its own where it has authorities or a certificate of its own."""
    from app.sinks.doors import own_door

    return {name: own_door(one.tls) if one.tls else shared for name, one in receivers.items()}


def make_forwards(settings: Settings) -> Mapping[str, "Forward"]:
    """Where changes are sent on to, by name. Raises ConfigurationError."""
    from app.domain.signatures import SigningSecret
    from app.outbound import Url
    from app.usecases.forward import Forward

    forwards = {}
    for name, section in settings.file.forward.items():
        with told_at(settings, "forward", name):
            forwards[name] = Forward(
                name=name,
                url=Url.parse(section.url.get_secret_value()),
                headers=tuple((header, value.get_secret_value()) for header, value in section.headers.items()),
                secret=SigningSecret.parse(section.secret.get_secret_value()) if section.secret else None,
                timeout_ns=section.timeout,
                backoff_ns=section.backoff,
            )
    return forwards
