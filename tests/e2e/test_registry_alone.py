"""`tagtrail registry serve` in the place of Debian's docker-registry, and the other way round (issue 5, item 4)."""

import datetime
import http.client
import json
import random
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from alone import clean, listens, registry_alone
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from images import an_image
from listener import Listener, Reply
from peer import SECRET, docker_registry, push, skopeo
from postgres import free_port
from system import TAGTRAIL, wait_until

from app.domain.digests import Digest
from app.registry import sha256
from app.registry.validation import OCI_MANIFEST

pytestmark = pytest.mark.e2e

SHARED = f"""\
version: 0.1
storage: {{filesystem: {{rootdirectory: FOLDER/registry}}, delete: {{enabled: true}}}}
http: {{addr: "localhost:PORT", secret: {SECRET}}}
"""
"""The storage and the secret of the peer of the same folder."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(host: str, method: str, url: str, body: bytes = b"", **headers: str) -> Answer:
    """One request; `url` is a path or a Location, which is asked of `host` whatever it says."""
    split = urlsplit(url)
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        path = split.path + (f"?{split.query}" if split.query else "")
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, answer.read())
    finally:
        connection.close()


@contextmanager
def ours(folder: Path) -> Iterator[str]:
    with registry_alone(folder, SHARED.replace("FOLDER", str(folder))) as alone:
        yield alone.host


@contextmanager
def theirs(folder: Path) -> Iterator[str]:
    with docker_registry(folder, "") as host:
        yield host


BOTH = pytest.mark.parametrize(("first", "second"), [(ours, theirs), (theirs, ours)], ids=["to them", "from them"])


@BOTH
def test_what_one_stored_the_other_serves(tmp_path: Path, first: Any, second: Any) -> None:
    """Images, an index, tags, and a tag that the second moves and the first serves then."""
    one, two = an_image(tmp_path / "one", 1, layers=2), an_image(tmp_path / "two", 2)
    with first(tmp_path) as host:
        push(one.folder, host, "shop/web:stable")
        push(two.folder, host, "shop/web/deep:v2")
    with second(tmp_path) as host:
        pulled = tmp_path / "pulled"
        skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{host}/shop/web:stable", f"oci:{pulled}")
        skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{host}/shop/web/deep:v2", f"oci:{pulled}-2")
        assert json.loads(ask(host, "GET", "/v2/_catalog").body) == {"repositories": ["shop/web", "shop/web/deep"]}
        assert json.loads(ask(host, "GET", "/v2/shop/web/tags/list").body)["tags"] == ["stable"]
        push(two.folder, host, "shop/web:stable")
        assert ask(host, "DELETE", f"/v2/shop/web/deep/manifests/{two.digest}").status == 202
    with first(tmp_path) as host:
        found = ask(host, "HEAD", "/v2/shop/web/manifests/stable", Accept=OCI_MANIFEST)
        assert found.headers["docker-content-digest"] == str(two.digest)
        old = ask(host, "GET", f"/v2/shop/web/manifests/{one.digest}", Accept=OCI_MANIFEST)
        assert old.body == one.manifest
        assert ask(host, "HEAD", f"/v2/shop/web/deep/manifests/{two.digest}").status == 404
    for digest, content in one.blobs.items():
        assert (pulled / "blobs" / digest.algorithm / digest.encoded).read_bytes() == content


PIECES = (b"first " * 300_000, b"second " * 400_000, b"third")


@BOTH
@pytest.mark.parametrize("asked_again", [False, True], ids=["by its Location", "by a GET"])
def test_an_upload_that_one_began_the_other_finishes(
    tmp_path: Path, first: Any, second: Any, asked_again: bool
) -> None:
    """And the third piece goes to the first again, which then serves the whole."""
    whole = b"".join(PIECES)
    digest = Digest.of(whole)
    with first(tmp_path) as begun:
        location = ask(begun, "POST", "/v2/shop/web/blobs/uploads/").headers["location"]
        location = appended(begun, location, PIECES[0], 0)
    with second(tmp_path) as host:
        if asked_again:
            status = ask(host, "GET", location)
            assert (status.status, status.headers["range"]) == (204, f"0-{len(PIECES[0]) - 1}")
            location = status.headers["location"]
        location = appended(host, location, PIECES[1], len(PIECES[0]))
    with first(tmp_path) as host:
        location = appended(host, location, PIECES[2], len(PIECES[0] + PIECES[1]))
    with second(tmp_path) as host:
        done = ask(host, "PUT", f"{location}&digest={digest}")
        assert (done.status, done.headers["docker-content-digest"]) == (201, str(digest)), done.body
        assert ask(host, "GET", f"/v2/shop/web/blobs/{digest}").body == whole
    with first(tmp_path) as host:
        assert ask(host, "GET", f"/v2/shop/web/blobs/{digest}").body == whole
        assert ask(host, "GET", location).status == 404


def appended(host: str, location: str, piece: bytes, offset: int) -> str:
    """Send a piece; the Location that comes back."""
    span = f"{offset}-{offset + len(piece) - 1}"
    answer = ask(host, "PATCH", location, piece, Content_Type="application/octet-stream", Content_Range=span)
    assert answer.status == 202, answer.body
    assert answer.headers["range"] == f"0-{offset + len(piece) - 1}"
    return answer.headers["location"]


@BOTH
def test_an_upload_that_one_began_the_other_closes_at_once(tmp_path: Path, first: Any, second: Any) -> None:
    with first(tmp_path) as host:
        empty = ask(host, "POST", "/v2/shop/web/blobs/uploads/").headers["location"]
    with second(tmp_path) as host:
        digest = Digest.of(PIECES[0])
        done = ask(host, "PUT", f"{empty}&digest={digest}", PIECES[0], Content_Type="application/octet-stream")
        assert done.status == 201, done.body
        assert ask(host, "GET", f"/v2/shop/web/blobs/{digest}").body == PIECES[0]


@BOTH
def test_the_hash_of_an_upload_goes_along(tmp_path: Path, first: Any, second: Any) -> None:
    content = random.Random(11).randbytes(3_000_077)
    half, digest = 2_000_013, Digest.of(content)
    with first(tmp_path) as host:
        location = ask(host, "POST", "/v2/shop/web/blobs/uploads/").headers["location"]
        location = appended(host, location, content[:half], 0)
    (kept,) = (tmp_path / "registry").rglob(f"hashstates/sha256/{half}")
    hashed = sha256.resume(kept.read_bytes(), half)
    assert hashed
    assert hashed.hexdigest() == Digest.of(content[:half]).encoded
    with second(tmp_path) as host:
        url = f"{location}&digest={digest}"
        assert ask(host, "PUT", url, content[half:], Content_Type="application/octet-stream").status == 201
        assert ask(host, "GET", f"/v2/shop/web/blobs/{digest}").body == content


def test_deleting_is_off_as_in_distribution(tmp_path: Path) -> None:
    config = SHARED.replace("FOLDER", str(tmp_path)).replace(", delete: {enabled: true}", "")
    image = an_image(tmp_path / "one", 1)
    with registry_alone(tmp_path, config) as alone:
        push(image.folder, alone.host, "shop/web:stable")
        answer = ask(alone.host, "DELETE", f"/v2/shop/web/manifests/{image.digest}")
        assert answer.status == 405
        assert json.loads(answer.body)["errors"][0]["code"] == "UNSUPPORTED"
        assert ask(alone.host, "HEAD", "/v2/shop/web/manifests/stable").status == 200


# What it tells


def notified(listener: Listener) -> str:
    headers = "{Authorization: [Bearer s3cret]}"
    endpoint = f"{{name: audit, url: '{listener.url}/events', headers: {headers}, backoff: 100ms}}"
    return f"notifications: {{events: {{includereferences: true}}, endpoints: [{endpoint}]}}\n"


def told(listener: Listener, tag: str) -> list[dict[str, Any]]:
    """The events of a tag that were taken."""
    events = [json.loads(one.body)["events"][0] for one in list(listener.heard) if one.path == "/events"]
    return [event for event in events if event["target"].get("tag") == tag]


def test_events_are_sent_and_wait_for_a_receiver_that_is_away(tmp_path: Path) -> None:
    """distribution forgets what waits when it ends; Tagtrail tells it in order when both are back."""
    image = an_image(tmp_path / "one", 1)
    with Listener() as listener:
        config = SHARED.replace("FOLDER", str(tmp_path)) + notified(listener)
        with registry_alone(tmp_path, config) as alone:
            push(image.folder, alone.host, "shop/web:v1")
            (first,) = wait_until("the push is told", lambda: told(listener, "v1"))
            listener.answer = lambda _: Reply(503)
            push(image.folder, alone.host, "shop/web:v2")
            assert alone.stop() == 0
        assert "endpoint audit: answered 503" in alone.log
        assert "s3cret" not in alone.log + alone.accesses
        listener.answer = lambda _: Reply()
        listener.heard.clear()
        with registry_alone(tmp_path, config):
            wait_until("what waited is told", lambda: told(listener, "v2"))
    assert first["target"]["digest"] == str(image.digest)
    assert len(first["target"]["references"]) == len(image.blobs)
    assert first["request"]["id"] in alone.accesses


def test_collecting_and_deleting_beside_it(tmp_path: Path) -> None:
    """As `registry garbage-collect CONFIG.yml`, though nobody has to stop pushing, and receivers hear of it."""
    one, two = an_image(tmp_path / "one", 1), an_image(tmp_path / "two", 2)

    def run(*arguments: str) -> str:
        common = ["--data", str(tmp_path / "data")]
        command = [*TAGTRAIL, "registry", *arguments, *common]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean({}), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with Listener() as listener:
        config = SHARED.replace("FOLDER", str(tmp_path)) + notified(listener)
        with registry_alone(tmp_path, config) as alone:
            file = str(tmp_path / "alone.yml")
            push(one.folder, alone.host, "shop/web:v1")
            push(two.folder, alone.host, "shop/web:v2")
            assert "shop/web:v1 is deleted" in run("delete", "shop/web:v1", file)
            assert ask(alone.host, "HEAD", "/v2/shop/web/manifests/v1").status == 404
            wait_until("it is told", lambda: [one for one in told(listener, "v1") if one["action"] == "delete"])
            taken = json.loads(run("gc", file, "--untagged", "--grace", "0s", "--json"))
            assert str(one.digest) in {entry["digest"] for entry in taken}
            assert ask(alone.host, "HEAD", f"/v2/shop/web/manifests/{one.digest}").status == 404
            assert ask(alone.host, "GET", "/v2/shop/web/manifests/v2", Accept=OCI_MANIFEST).body == two.manifest
    assert not (tmp_path / "data" / "tagtrail.db").exists()


def every_process(host: str) -> set[int]:
    """What they answer, each having been asked in all likelihood."""
    return {ask(host, "GET", "/v2/").status for _ in range(20)}


def test_health_and_metrics(tmp_path: Path) -> None:
    """A storage that fails takes the registry down, and up again when it is back."""
    (tmp_path / "place").mkdir()
    port = free_port()
    config = f"""\
version: 0.1
log: {{formatter: json}}
storage: {{filesystem: {{rootdirectory: {tmp_path}/place/registry}}}}
http: {{addr: "localhost:PORT", debug: {{addr: "localhost:{port}", prometheus: {{enabled: true}}}}}}
health: {{storagedriver: {{enabled: true, interval: 200ms, threshold: 2}}}}
notifications: {{endpoints: [{{name: audit, url: "http://127.0.0.1:9/"}}]}}
"""
    debug = f"127.0.0.1:{port}"
    with registry_alone(tmp_path, config) as alone:
        assert ask(alone.host, "POST", f"/v2/shop/web/blobs/uploads/?digest={Digest.of(b'x')}", b"x").status == 201
        wait_until("the keeper listens too", lambda: listens(port))
        assert ask(debug, "GET", "/debug/health").body == b"{}"
        (tmp_path / "place").rename(tmp_path / "gone")
        (tmp_path / "place").symlink_to(tmp_path / "place")  # leads nowhere: ELOOP, which is no mere absence
        wait_until("it is down", lambda: every_process(alone.host) == {503})
        assert json.loads(ask(alone.host, "GET", "/v2/").body)["errors"][0]["code"] == "UNAVAILABLE"
        wait_until("it says so", lambda: ask(debug, "GET", "/debug/health").status == 503)
        assert "storagedriver_filesystem" in json.loads(ask(debug, "GET", "/debug/health").body)
        (tmp_path / "place").unlink()
        (tmp_path / "gone").rename(tmp_path / "place")
        wait_until("it is up again", lambda: every_process(alone.host) == {200})
        assert ask(alone.host, "GET", f"/v2/shop/web/blobs/{Digest.of(b'x')}").body == b"x"
        metrics = ask(debug, "GET", "/metrics").body.decode()
        assert ask(debug, "GET", "/debug/vars").status == 404
    assert 'registry_http_requests_total{code="201",handler="blob_upload",method="post"} 1.0' in metrics
    assert 'registry_http_requests_total{code="503",handler="base",method="get"}' in metrics
    assert 'registry_storage_action_seconds_count{action="Move",driver="filesystem"} 1.0' in metrics
    assert 'registry_notifications_events_total{endpoint="audit",type="Errors"}' in metrics
    assert 'registry_notifications_pending_total{endpoint="audit"} ' in metrics
    lines = [json.loads(line) for line in alone.accesses.splitlines()]
    assert {line["http.response.status"] for line in lines} == {200, 201, 503}


# TLS


def certificates(folder: Path) -> None:
    """`ca.pem`, and below it `server.pem` and `client.pem` with their keys."""
    key = ec.generate_private_key(ec.SECP256R1())
    ca = signed("Test CA", key, None)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for name in ("server", "client"):
        own = ec.generate_private_key(ec.SECP256R1())
        certificate = signed(name, own, (ca, key))
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(own.private_bytes(serialization.Encoding.PEM, *form))


def signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(
            issuer[0].subject if issuer else subject, subject, key.public_key(), x509.random_serial_number(),
            now - datetime.timedelta(hours=1), now + datetime.timedelta(days=1),
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )  # fmt: skip
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())


def asked_over_tls(host: str, folder: Path, client: str = "", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> int:
    """The status of `GET /v2/`. Raises OSError where no connection comes about."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.maximum_version = newest
    if client:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    connection = http.client.HTTPSConnection("localhost", int(host.rpartition(":")[2]), context=context, timeout=10)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status
    finally:
        connection.close()


def with_tls(folder: Path, more: str) -> str:
    tls = f"certificate: {folder}/server.pem, key: {folder}/server.key{more}"
    return f"version: 0.1\nstorage: {{inmemory: }}\nhttp: {{addr: 'localhost:PORT', tls: {{{tls}}}}}\n"


def test_tls(tmp_path: Path) -> None:
    certificates(tmp_path)
    image = an_image(tmp_path / "one", 1)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ca.crt").write_bytes((tmp_path / "ca.pem").read_bytes())
    with registry_alone(tmp_path, with_tls(tmp_path, "")) as alone:
        assert asked_over_tls(alone.host, tmp_path) == 200
        assert asked_over_tls(alone.host, tmp_path, newest=ssl.TLSVersion.TLSv1_2) == 200
        port = alone.host.rpartition(":")[2]
        target = f"docker://localhost:{port}/shop/web:v1"
        skopeo("copy", "-q", f"--dest-cert-dir={tmp_path}/certs", f"oci:{image.folder}", target)
        found = skopeo("inspect", f"--cert-dir={tmp_path}/certs", target)
        assert json.loads(found)["Digest"] == str(image.digest)
    assert "https://127.0.0.1" in alone.log


def test_newer_tls_and_certificates_of_clients(tmp_path: Path) -> None:
    certificates(tmp_path)
    with registry_alone(tmp_path, with_tls(tmp_path, f", minimumtls: tls1.3, clientcas: [{tmp_path}/ca.pem]")) as alone:
        assert asked_over_tls(alone.host, tmp_path, "client") == 200
        with pytest.raises(OSError):
            asked_over_tls(alone.host, tmp_path, "client", ssl.TLSVersion.TLSv1_2)
        with pytest.raises((OSError, http.client.HTTPException)):
            asked_over_tls(alone.host, tmp_path)


# Before it starts


def checked(folder: Path, config: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "config.yml").write_text(config)
    command = [*TAGTRAIL, "registry", "check", str(folder / "config.yml"), "--data", str(folder / "data"), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean(environment), cwd=folder)


def test_check_says_what_it_would_do(tmp_path: Path) -> None:
    config = "version: 0.1\nstorage: {filesystem: {rootdirectory: /srv/registry}, cache: {blobdescriptor: inmemory}}\n"
    done = checked(tmp_path, config, REGISTRY_HTTP_ADDR="localhost:5001", REGISTRY_STORAGE_DELETE_ENABLED="true")
    assert done.returncode == 0, done.stderr
    lines = {line[:14].strip(): line[15:] for line in done.stdout.splitlines()}
    assert lines["listens on"] == "127.0.0.1:5001"
    assert lines["storage"] == "filesystem at /srv/registry"
    assert lines["access"] == "everybody (on loopback only)"
    assert lines["for"] == "reading and writing, and deleting"
    assert "config.yml:2: storage.cache: without effect" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("", "configure auth:"),
        ("http: {addr: 'localhost:1', tls: {certificate: /none.pem, key: /none.key}}", ":3: http.tls: /none.pem: No "),
        ("http: {addr: 'localhost:1', tls: {certificate: config.yml, key: config.yml}}", "http.tls: "),
        ("auth: {htpasswd: {realm: a, path: nowhere}}", "nowhere is not there; make it with: htpasswd -B -c "),
        ("auth: {token: {realm: 'http://a', service: a, issuer: b}}", "auth.token: no key is trusted"),
        ("http: {addr: 'localhost:1', debug: {addr: x}}", "http.debug.addr: no address"),
        (
            "http: {addr: 'localhost:1'}\nnotifications: {endpoints: [{name: a, url: 'ftp://x'}]}",
            ":4: notifications.endpoints.0: ",
        ),
    ],
)
def test_what_would_fail_later_is_told_at_once(tmp_path: Path, config: str, fault: str) -> None:
    done = checked(tmp_path, f"version: 0.1\nstorage: {{inmemory: }}\n{config}\n")
    assert done.returncode == 1
    assert fault in done.stderr


def test_where_others_reach_it_a_reason_is_needed(tmp_path: Path) -> None:
    config = "version: 0.1\nstorage: {inmemory: }\n"
    assert "everybody (a closed network)" in checked(tmp_path, config, "--insecure", "a closed network").stdout
    assert "everybody (said so)" in checked(tmp_path, config, TAGTRAIL_INSECURE="said so").stdout


def test_two_on_one_folder_or_port_are_one_too_many(tmp_path: Path) -> None:
    with registry_alone(tmp_path, SHARED.replace("FOLDER", str(tmp_path))) as alone:
        command = [*TAGTRAIL, "registry", "serve", str(tmp_path / "alone.yml"), "--data", str(tmp_path / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean({}), cwd=tmp_path)
        assert done.returncode == 1
        assert "can't listen on 127.0.0.1" in done.stderr
        text = (tmp_path / "alone.yml").read_text().replace(alone.host.rpartition(":")[2], str(free_port()))
        (tmp_path / "other.yml").write_text(text)
        command[-3] = str(tmp_path / "other.yml")
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean({}), cwd=tmp_path)
        assert done.returncode == 1
        assert "another tagtrail up runs on" in done.stderr
