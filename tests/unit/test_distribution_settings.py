"""distribution's `config.yml` and `REGISTRY_*` (docs of distribution 3, "Configuring a registry"), key by key."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.domain.times import SECOND_NS
from app.settings import ConfigurationError
from app.settings.distribution import Understood, understand
from app.settings.registry import RegistrySection

Understand = Callable[..., Understood]
LEAST = "version: 0.1\nstorage: {inmemory: }\n"


@pytest.fixture
def read(tmp_path: Path) -> Understand:
    def run(text: str, environment: Mapping[str, str] | None = None) -> Understood:
        path = tmp_path / "config.yml"
        path.write_text(text)
        return understand(path, environment or {})

    return run


def refused(read: Understand, text: str, environment: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(text, environment)
    return str(caught.value)


SHIPPED = """\
version: 0.1
log:
  accesslog: {disabled: true}
  level: debug
  formatter: json
  fields: {service: registry, environment: 7}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: /srv/registry}
  delete: {enabled: true}
  maintenance:
    uploadpurging: {enabled: true, age: 48h, interval: 1h, dryrun: false}
    readonly: {enabled: true}
http:
  addr: localhost:5000
  secret: 0123
  host: https://registry.example
  headers: {X-Content-Type-Options: [nosniff]}
  tls: {certificate: /cert.pem, key: /key.pem, clientcas: [/ca.pem], minimumtls: tls1.3}
  debug: {addr: "localhost:5001", prometheus: {enabled: true, path: /numbers}}
  draintimeout: 60s
health: {storagedriver: {enabled: true, interval: 5s, threshold: 2}, file: [{file: /down, interval: 1s}]}
notifications:
  events: {includereferences: true}
  endpoints:
    - name: alistener
      url: https://my.listener.example/event
      headers: {Authorization: [Bearer x]}
      timeout: 500
      threshold: 10
      backoff: 2s
      ignoredmediatypes: [application/octet-stream]
      ignore: {actions: [pull]}
catalog: {maxentries: 50}
validation:
  manifests: {urls: {allow: ["^https://"], deny: ["^https://bad"]}, indexes: {platforms: none}}
"""


def test_everything_that_is_followed(read: Understand) -> None:
    found = read(SHIPPED)
    section = found.section
    assert section.log.model_dump() == {
        "accesslog": {"disabled": True}, "level": "debug", "formatter": "json",
        "fields": {"service": "registry", "environment": "7"},
    }  # fmt: skip
    assert section.storage.filesystem is not None
    assert section.storage.filesystem.rootdirectory == "/srv/registry"
    assert section.storage.delete.enabled
    assert section.storage.maintenance.readonly.enabled
    assert section.storage.maintenance.uploadpurging.age == 48 * 3600 * SECOND_NS
    assert section.http.secret is not None
    assert section.http.secret.get_secret_value() == "0123"  # no number of base 8
    assert section.http.headers == {"X-Content-Type-Options": ("nosniff",)}
    assert (section.http.tls.certificate, section.http.tls.minimumtls) == (Path("/cert.pem"), "tls1.3")
    assert (section.http.debug.addr, section.http.debug.prometheus.path) == ("localhost:5001", "/numbers")
    assert section.http.draintimeout == 60 * SECOND_NS
    assert (section.health.storagedriver.threshold, section.health.file[0].file) == (2, Path("/down"))
    assert section.notifications.events.includereferences
    (endpoint,) = section.notifications.endpoints or ()
    assert (endpoint.timeout, endpoint.backoff, endpoint.ignore.actions) == (500, 2 * SECOND_NS, ("pull",))
    assert section.catalog.maxentries == 50
    assert section.validation.in_force.urls.deny == ("^https://bad",)
    assert [remark.partition(": ")[2].partition(":")[0] for remark in found.remarks] == [
        "storage.cache",
        "notifications.endpoints.0.threshold",
    ]


@pytest.mark.parametrize("more", ["", "notifications: {endpoints: }\n", "notifications:\n"])
def test_distributions_defaults_hold(read: Understand, more: str) -> None:
    section = read(f"version: 0.1\nstorage: {{filesystem: }}\n{more}").section
    assert section.storage.filesystem is not None
    assert section.storage.filesystem.rootdirectory == "/var/lib/registry"
    assert not section.storage.delete.enabled
    assert section.notifications.endpoints == ()
    assert section.http.addr == ":5000"
    assert RegistrySection().storage.delete.enabled  # in a file of our own


def test_words_in_capitals(read: Understand) -> None:
    said = "log: {level: Info}\nvalidation: {manifests: {indexes: {platforms: List}}}\n"
    section = read(LEAST + said).section
    assert (section.log.level, section.validation.manifests.indexes.platforms) == ("info", "list")


def test_anchors_and_merges(read: Understand) -> None:
    text = "version: 0.1\nx: &d {enabled: true}\nstorage: {inmemory: , delete: {<<: *d}}\n"
    assert read(text).section.storage.delete.enabled


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("zzz: 1", ":3: zzz: unknown key; known are log, storage"),
        ("http: {adr: x}", ":3: http.adr: unknown key; did you mean 'addr'?"),
        ("notifications:\n  endpoints:\n  - {name: a, url: 'http://a.example/', tiemout: 1s}",
         ":5: notifications.endpoints.0.tiemout: unknown key; did you mean 'timeout'?"),
        ("redis: {addr: x}", ":3: redis: without effect"),
        ("middleware: {storage: [{name: cloudfront}]}", "middleware.storage: not supported: content is served by"),
        ("http: {h2c: {enabled: true}}", "http.h2c: not supported: "),
        ("reporting: {bugsnag: {apikey: x}}", "reporting: not supported: "),
    ],
)  # fmt: skip
def test_what_is_not_followed_is_named(read: Understand, text: str, remark: str) -> None:
    (found,) = read(f"{LEAST}{text}\n").remarks
    assert remark in found


def test_what_azures_driver_was_once_told_of_its_copies(read: Understand) -> None:
    """distribution's own example has it still."""
    old = "copy_status_poll_max_retry: 10, copy_status_poll_delay: 100ms"
    found = read(f"version: 0.1\nstorage: {{azure: {{accountname: a, accountkey: aw==, container: c, {old}}}}}\n")
    assert [remark.partition(": ")[2].partition(":")[0] for remark in found.remarks] == [
        "storage.azure.copy_status_poll_max_retry",
        "storage.azure.copy_status_poll_delay",
    ]
    assert found.section.storage.azure is not None


def test_what_is_known_is_named_once(read: Understand) -> None:
    told = refused(read, "version: 0.1\nstorage: {s3: {bucket: a, region: b, zzz: c}}\n")
    assert told.count("loglevel") == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("auth: {silly: {realm: a, service: b}}", ":3: auth.silly: not supported: it lets in whoever says anything"),
        ("auth: silly", ":3: auth.silly: unknown key 'silly'; known are htpasswd, token, service"),
        ("auth: {htpasswd: }", ":3: auth.htpasswd.realm: this key is missing"),
        ("auth: {htpasswd: {realm: a, path: b, relm: c}}", "auth.htpasswd.relm: unknown key; did you mean 'realm'?"),
        ("auth: {token: {service: a, issuer: b, jwks: c}}", "auth.token: give the realm"),
        ("auth: {token: {realm: 'ftp://a', service: a, issuer: b}}", "auth.token.realm: "),
        ("auth: {token: {realm: 'http://a', service: a, issuer: b, signingalgorithms: [none]}}", "signingalgorithms.0"),
        ("auth: {htpasswd: {realm: a, path: b}, token: {realm: 'http://a', service: a, issuer: b}}", "exactly one of"),
        ("proxy: {remoteurl: https://registry-1.docker.io}", ":3: proxy: not supported: "),
        ("http: {tls: {certifcate: x}}", "http.tls.certifcate: unknown key; did you mean 'certificate'?"),
        ("http: {tls: {letsencrypt: {email: a@b.example}}}", "http.tls.letsencrypt: not supported: "),
        ("http: {tls: {certificate: x}}", "http.tls: certificate and key go together"),
        ("http: {tls: {clientcas: [x]}}", "http.tls: clientcas without certificate"),
        ("http: {net: unix}", "http.net: Input should be 'tcp'"),
        ("http: {host: registry.example}", "http.host: "),
        ("http: {trustedproxies: [10.0.0.0/33]}", "http.trustedproxies.0: "),
        ("policy: {repository: {classes: [image]}}", "policy: not supported: "),
        ("validation: {manifests: {urls: {alow: [x]}}}", "urls.alow: unknown key; did you mean 'allow'?"),
        ("validation: {manifests: {urls: {allow: ['(']}}}", "not a regular expression"),
        ("middleware: {repository: [{name: x}]}", "middleware.repository: not supported: "),
        ("log: {level: loud}", "log.level: "),
        ("log: 7", ":3: log: "),
    ],
)  # fmt: skip
def test_what_must_not_be_passed_over_is_refused(read: Understand, text: str, fault: str) -> None:
    assert fault in refused(read, f"{LEAST}{text}\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("storage: {inmemory: }\n", "version: write 0.1"),
        ("version: 0.2\nstorage: {inmemory: }\n", "version: write 0.1"),
        ("version: 0.1\n", "storage: name a driver"),
        ("version: 0.1\nstorage: {delete: {enabled: true}}\n", "storage: name a driver"),
        ("version: 0.1\nstorage: {filesytem: }\n", "storage.filesytem: unknown key; did you mean 'filesystem'?"),
        ("version: 0.1\nstorage: {inmemory: , filesystem: }\n", "name one storage driver, not two"),
        ("version: 0.1\nstorage: {oss: {bucket: a}}\n", "storage.oss: not supported"),
        ("version: 0.1\nstorage: {gcs: {bucket: a}}\n", "storage.gcs: not supported: reach Google's storage by its S3"),
        ("version: 0.1\nstorage: {inmemory: , maintenance: {readnly: {enabled: true}}}\n", "did you mean 'readonly'?"),
        ("version: 0.1\nstorage: [a]\n", "storage: name a driver"),
        ("version: 0.1\nstorage: {inmemory: }\nnotifications: [a]\n", ":3: notifications"),
        ("version: [\n", ":2: not YAML"),
        ("- 1\n", "not a configuration"),
    ],
)
def test_what_can_not_be_served(read: Understand, text: str, fault: str) -> None:
    assert fault in refused(read, text)


def test_all_faults_are_told_at_once(read: Understand) -> None:
    told = refused(read, f"{LEAST}proxy: {{}}\nhttp: {{net: unix}}\nlog: {{level: loud}}\n")
    assert len(told.splitlines()) == 3


# The environment


@pytest.mark.parametrize("events", ["EVENTCONFIG", "EVENTS"])
def test_both_spellings_of_a_key(read: Understand, events: str) -> None:
    variables = {f"REGISTRY_NOTIFICATIONS_{events}_INCLUDEREFERENCES": "true"}
    assert read(LEAST, variables).section.notifications.events.includereferences


@pytest.mark.parametrize("name", ["FILE", "FILECHECKERS"])
def test_both_spellings_of_the_files_of_health(read: Understand, name: str) -> None:
    section = read(LEAST, {f"REGISTRY_HEALTH_{name}": "[{file: /down}]"}).section
    assert section.health.file[0].file == Path("/down")


def test_lists_by_index_and_whole(read: Understand) -> None:
    whole = {"REGISTRY_NOTIFICATIONS_ENDPOINTS": '[{name: a, url: "http://a.example"}]'}
    more = {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TIMEOUT": "2s", "REGISTRY_NOTIFICATIONS_ENDPOINTS_1_NAME": "b",
            "REGISTRY_NOTIFICATIONS_ENDPOINTS_1_URL": "http://b.example"}  # fmt: skip
    endpoints = read(LEAST, whole | more).section.notifications.endpoints or ()
    assert [(one.name, one.timeout) for one in endpoints] == [("a", 2 * SECOND_NS), ("b", SECOND_NS)]
    told = refused(read, LEAST, {"REGISTRY_NOTIFICATIONS_ENDPOINTS_3_NAME": "a"})
    assert told.startswith("REGISTRY_NOTIFICATIONS_ENDPOINTS_3_NAME: 3 is not one of the 0")


def test_keys_of_maps_are_lower_case_unless_the_file_writes_them_otherwise(read: Understand) -> None:
    endpoint = "notifications: {endpoints: [{name: a, url: 'http://a.example', headers: {Authorization: [x]}}]}\n"
    prefix = "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_"
    variables = {f"{prefix}AUTHORIZATION": '["Bearer y"]', f"{prefix}OTHER": "z"}
    (found,) = read(LEAST + endpoint, variables).section.notifications.endpoints or ()
    assert {name: values[0].get_secret_value() for name, values in found.headers.items()} == {
        "Authorization": "Bearer y",
        "other": "z",
    }


def test_a_word_chooses_the_driver_and_the_rest_is_forgotten(read: Understand) -> None:
    text = "version: 0.1\nstorage: {inmemory: , delete: {enabled: true}}\n"
    variables = {"REGISTRY_STORAGE": "filesystem", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/srv"}
    storage = read(text, variables).section.storage
    assert storage.filesystem is not None
    assert (storage.filesystem.rootdirectory, storage.inmemory, storage.delete.enabled) == ("/srv", None, False)
    assert read(text, {"REGISTRY_STORAGE_DELETE_ENABLED": "false"}).section.storage.inmemory is not None


def test_access_in_the_environment(read: Understand) -> None:
    """As the image of docker is usually given it."""
    variables = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "here",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd",
    }
    auth = read(LEAST, variables).section.auth
    assert auth is not None
    assert auth.htpasswd is not None
    assert (auth.kind, auth.htpasswd.realm, auth.htpasswd.path) == ("htpasswd", "here", Path("/auth/htpasswd"))
    assert read(f"{LEAST}auth:\n").section.auth is None


def test_the_variable_is_named_where_it_is_wrong(read: Understand) -> None:
    assert refused(read, LEAST, {"REGISTRY_CATALOG_MAXENTRIES": "x"}).startswith("REGISTRY_CATALOG_MAXENTRIES: catalog")
    assert refused(read, LEAST, {"REGISTRY_HTTP_SECRET": "["}) == "REGISTRY_HTTP_SECRET: not YAML"
    (remark,) = read(LEAST, {"REGISTRY_HTTP_ADR": ":1"}).remarks
    assert remark == "REGISTRY_HTTP_ADR: http.adr: unknown key; did you mean 'addr'?"
    assert "auth.htpasswd" not in refused(read, LEAST, {"REGISTRY_AUTH": "silly"})


def test_what_is_not_for_a_registry_is_left_alone(read: Understand) -> None:
    """skopeo's and podman's logins, where the file is, and other programs' variables."""
    variables = {"REGISTRY_AUTH_FILE": "/x", "REGISTRY_CONFIGURATION_PATH": "/y", "HTTP_PROXY": "z"}
    assert read(LEAST, variables).remarks == []
