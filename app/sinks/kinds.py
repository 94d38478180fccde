"""From a section of the configuration to its sink."""

import os
from pathlib import Path

from pydantic import SecretStr

from app.domain.signatures import SigningSecret
from app.domain.times import SECOND_NS
from app.outbound import Door, MailServer, Tls, Url
from app.settings import ConfigurationError
from app.settings.channels import (
    MAIL_PORTS,
    AppriseChannel,
    ChannelSection,
    DiscordChannel,
    EmailChannel,
    SlackChannel,
    TeamsChannel,
    WebhookChannel,
)
from app.settings.clusters import CommandTrigger, KubernetesTrigger, SwarmTrigger
from app.settings.kubeconfig import Cluster, from_file, in_cluster
from app.settings.templates import Template
from app.settings.triggers import Trigger, WebhookTrigger
from app.settings.yamlfile import under
from app.sinks import presets
from app.sinks.apprise import Apprise
from app.sinks.command import Command
from app.sinks.discord import Discord
from app.sinks.doors import door_for, own_door, tls_of
from app.sinks.email import Email
from app.sinks.kubernetes import PLACES, Credentials, Kubernetes
from app.sinks.request import Proof, Request, Shape
from app.sinks.sink import Channel
from app.sinks.sink import Trigger as TriggerSink
from app.sinks.slack import Slack
from app.sinks.swarm import Swarm
from app.sinks.teams import Teams
from app.sinks.webhook import Webhook


def trigger(section: Trigger, door: Door) -> TriggerSink:
    """Raise ConfigurationError, InvalidUrlError or InvalidSecretError; none repeats a URL or a secret."""
    door = door_for(section, door)
    match section:
        case WebhookTrigger():
            return _request(section, door)
        case KubernetesTrigger():
            return _kubernetes(section)
        case SwarmTrigger():
            return _swarm(section, door)
        case CommandTrigger():
            return _command(section)
        case _:
            return presets.request(section, door)


def channel(section: ChannelSection, door: Door) -> Channel:
    """Raise ConfigurationError, InvalidUrlError, InvalidSecretError or AppriseError; none repeats a URL or a secret."""
    door = door_for(section, door)
    match section:
        case WebhookChannel():
            return _webhook(section, door)
        case EmailChannel():
            return _email(section, door)
        case SlackChannel():
            return Slack(door, _url(section), section.template)
        case TeamsChannel():
            return Teams(door, _url(section), section.template)
        case DiscordChannel():
            return Discord(door, _url(section), section.template)
        case AppriseChannel():
            return Apprise(section.url.get_secret_value(), section.template)


def _url(section: SlackChannel | TeamsChannel | DiscordChannel) -> Url:
    return Url.parse(section.url.get_secret_value())


def _request(section: WebhookTrigger, door: Door) -> Request:
    shape = Shape(
        method=section.method,
        content_type=section.content_type,
        body=section.body,
        headers={name: one for name, one in section.headers.items() if isinstance(one, Template)},
        query=section.query,
    )
    proof = Proof(
        headers={name: one.get_secret_value() for name, one in section.headers.items() if isinstance(one, SecretStr)},
        signing=tuple(SigningSecret.parse(one.get_secret_value()) for one in section.secret or ()),
        seal=section.hmac.seal if section.hmac else None,
    )
    return Request(door, Url.parse(section.url.get_secret_value()), shape, proof)


def _kubernetes(section: KubernetesTrigger) -> Kubernetes:
    cluster = _cluster(section)
    kind, _, name = section.workload.partition("/")
    place = PLACES[kind].format(section.namespace or cluster.namespace, name)
    return Kubernetes(
        door=own_door(Tls(cluster.authorities, cluster.certificate, cluster.key)),
        url=Url.parse(f"{cluster.url.rstrip('/')}/{place}"),
        credentials=Credentials(cluster.token, cluster.token_file),
        workload=section.workload,
        container=section.container,
        pull_from=section.pull_from,
    )


def _cluster(section: KubernetesTrigger) -> Cluster:
    if section.kubeconfig is None:
        return in_cluster()
    with under("kubeconfig"):
        return from_file(section.kubeconfig, section.context)


def _swarm(section: SwarmTrigger, door: Door) -> Swarm:
    url = Url.parse(section.url.get_secret_value() if section.url else "http://docker")
    if section.socket is not None:
        door = Door(through=section.socket)
    elif section.tls is not None:
        door = own_door(tls_of(section.tls))
    return Swarm(door, url, section.service, section.pull_from)


def _command(section: CommandTrigger) -> Command:
    program = section.command[0]
    if not os.access(program, os.X_OK) or Path(program).is_dir():
        raise ConfigurationError(f"{program} is no program that can be run here", ("command",))
    said, secrets = {}, {}
    for name, value in section.environment.items():
        if isinstance(value, SecretStr):
            secrets[name] = value.get_secret_value()
        else:
            said[name] = value
    return Command(section.command, said, secrets, section.timeout / SECOND_NS)


def _webhook(section: WebhookChannel, door: Door) -> Webhook:
    secret = SigningSecret.parse(section.secret.get_secret_value()) if section.secret else None
    return Webhook(door, Url.parse(section.url.get_secret_value()), secret, section.content_type, section.template)


def _email(section: EmailChannel, door: Door) -> Email:
    password = section.password.get_secret_value() if section.password else None
    port = section.port or MAIL_PORTS[section.security]
    server = MailServer(section.server, port, section.security, section.user, password)
    return Email(door, server, section.sender, section.to, section.template)
