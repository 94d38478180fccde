"""What the official conformance suite of the distribution-spec asks (1.1 and its development version), asked here.

The suite itself is run from outside; these are its questions, put to `tagtrail registry serve`.
"""

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alone import registry_alone
from conformance import (
    ACCEPT,
    CONFIG,
    ELSEWHERE,
    EMPTY,
    HERE,
    THERE,
    Answer,
    Client,
    Pushed,
    described,
    finished,
    image,
    index,
    with_layers,
)

from app.domain.digests import Digest
from app.registry.validation import OCI_INDEX

pytestmark = pytest.mark.e2e

SERVED = """\
version: 0.1
storage: {filesystem: {rootdirectory: ./registry}, delete: {enabled: true}}
http: {addr: "localhost:PORT", secret: conformance}
"""
EXAMPLE = "application/vnd.example.conformance.v1"
CHUNK = 1024
ALGORITHMS = pytest.mark.parametrize("algorithm", ["sha256", "sha512"])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with registry_alone(tmp_path_factory.mktemp("conformance"), SERVED) as alone:
        yield Client(alone.host)


def test_what_is_not_there(client: Client) -> None:
    client.ask("GET", "/v2/", status=200)
    nowhere = Digest.of(b"nowhere")
    assert json.loads(client.ask("GET", f"/v2/conformance/empty/referrers/{nowhere}", status=200).body) == {
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [],
    }  # fmt: skip
    for path in ("tags/list", f"blobs/{nowhere}", f"manifests/{nowhere}", "manifests/missing"):
        client.ask("GET", f"/v2/conformance/empty/{path}", status=404)


Push = Callable[[Client, bytes, Digest, int], Answer]


def post_only(client: Client, content: bytes, digest: Digest, status: int) -> Answer:
    return client.ask("POST", f"/v2/{HERE}/blobs/uploads/?digest={digest}", content, status=status)


def post_and_put(client: Client, content: bytes, digest: Digest, status: int) -> Answer:
    location = client.start(digest_algorithm=digest.algorithm)["Location"]
    return client.ask(
        "PUT", finished(location, digest), content, status=status, Content_Type="application/octet-stream"
    )


def streamed(client: Client, content: bytes, digest: Digest, status: int) -> Answer:
    location = client.ask("PATCH", client.start()["Location"], iter([content]), status=202)["Location"]
    return client.ask("PUT", finished(location, digest), status=status)


def chunked(client: Client, content: bytes, digest: Digest, status: int) -> Answer:
    location = client.start()["Location"]
    for start in range(0, len(content), CHUNK):
        location = client.ask("PATCH", location, **_chunk(content, start), status=202)["Location"]
    return client.ask("PUT", finished(location, digest), status=status)


def chunked_and_put(client: Client, content: bytes, digest: Digest, status: int) -> Answer:
    location, last = client.start()["Location"], (len(content) - 1) // CHUNK * CHUNK
    for start in range(0, last, CHUNK):
        location = client.ask("PATCH", location, **_chunk(content, start), status=202)["Location"]
    return client.ask("PUT", finished(location, digest), **_chunk(content, last), status=status)


def out_of_order(client: Client, content: bytes, digest: Digest, status: int) -> Answer:
    """Before each chunk a wrong one, also as the last; GET says how to go on."""
    location = client.start()["Location"]
    for start in range(0, len(content), CHUNK):
        wrong = start + CHUNK if start + CHUNK < len(content) else 0
        last = wrong + CHUNK >= len(content)
        where = finished(location, digest) if last else location
        client.ask("PUT" if last else "PATCH", where, **_chunk(content, wrong), status=416)
        known = client.ask("GET", location, status=204)
        assert known["Range"] == f"0-{max(start - 1, 0)}"
        location = client.ask("PATCH", known["Location"], **_chunk(content, start), status=202)["Location"]
    return client.ask("PUT", finished(location, digest), status=status)


def _chunk(content: bytes, start: int) -> dict[str, Any]:
    piece = content[start : start + CHUNK]
    return {"body": piece, "Content_Range": f"{start}-{start + len(piece) - 1}"}


PUSHES = pytest.mark.parametrize("push", [post_only, post_and_put, streamed, chunked, chunked_and_put, out_of_order])


@PUSHES
@ALGORITHMS
def test_blobs_are_pushed(client: Client, push: Push, algorithm: str) -> None:
    small = () if push in (chunked_and_put, out_of_order) else (secrets.token_bytes(512), b"{}", b"")
    for content in (secrets.token_bytes(CHUNK * 3 - 5), *small):
        digest = Digest.of(content, algorithm)
        answer = push(client, content, digest, 201)
        assert answer["Docker-Content-Digest"] == str(digest)
        assert client.ask("GET", answer["Location"], status=200).body == content
        client.holds(HERE, content, digest)


@PUSHES
@ALGORITHMS
def test_blobs_that_are_not_what_was_said(client: Client, push: Push, algorithm: str) -> None:
    content = secrets.token_bytes(CHUNK * 3 - 5)
    digest = Digest.of(content, algorithm)
    push(client, content + b"oh no", digest, 400)
    client.ask("HEAD", f"/v2/{HERE}/blobs/{digest}", status=404)


@ALGORITHMS
@pytest.mark.parametrize("source", [f"&from={THERE}", ""], ids=["named", "anonymous"])
def test_blobs_are_mounted(client: Client, algorithm: str, source: str) -> None:
    content = secrets.token_bytes(512)
    digest = Digest.of(content, algorithm)
    mount = f"/v2/{HERE}/blobs/uploads/?mount={digest}{source}"
    location = client.ask("POST", mount, status=202)["Location"]  # nobody has it yet
    client.ask("DELETE", location, status=204)
    client.ask("GET", location, status=404)
    client.ask("POST", f"/v2/{THERE}/blobs/uploads/?digest={digest}", content, status=201)
    assert client.ask("POST", mount, status=201)["Location"].endswith(f"/v2/{HERE}/blobs/{digest}")
    for repository in (HERE, THERE):
        client.holds(repository, content, digest)


def test_parts_of_a_blob(client: Client) -> None:
    content = secrets.token_bytes(2048)
    client.push(HERE, content)
    place = f"/v2/{HERE}/blobs/{Digest.of(content)}"
    for asked, first, last in (
        ("500-1499", 500, 1499),
        ("500-", 500, 2047),
        ("-500", 1548, 2047),
        ("2000-5000", 2000, 2047),
    ):
        answer = client.ask("GET", place, status=206, Range=f"bytes={asked}")
        assert (answer["Content-Range"], answer["Content-Length"]) == (
            f"bytes {first}-{last}/2048",
            str(last - first + 1),
        )
        assert answer.body == content[first : last + 1]
    for asked in ("500-0", "5000-10000"):
        assert client.ask("GET", place, status=416, Range=f"bytes={asked}")["Content-Range"] == "bytes */2048"


def of_kinds() -> Iterator[tuple[str, Pushed]]:
    yield "image", image()
    yield "large", image(annotations={f"large-{number}": "A" * 10_000 for number in range(390)})
    yield "index", index()
    yield "nested", index(children=[index(), index()])
    yield "empty index", index(children=[])
    yield "artifact", image(artifactType=EXAMPLE, config=EMPTY, layers=1)
    yield "artifact index", index(artifactType=EXAMPLE, children=[image(artifactType=EXAMPLE, config=EMPTY)])
    yield "no layers", image(layers=0)
    yield "data", _with_data(image())
    layer = described(ELSEWHERE, secrets.token_bytes(9)) | {"urls": ["https://store.example.com/layer"]}
    yield "non-distributable", with_layers(image(layers=1), layer)
    odd: Any = {"org.example.x": {"y": [1]}}
    yield "custom fields", index(children=[image(**odd)], **odd)
    yield "sha512", index("sha512")


def _with_data(made: Pushed) -> Pushed:
    about = made.fields["config"] | {"data": base64.b64encode(made.blobs[0]).decode()}
    return Pushed(json.dumps(made.fields | {"config": about}).encode(), blobs=made.blobs)


def prepared(client: Client, made: Pushed) -> None:
    """All that the manifest needs is there."""
    for needed in made.whole:
        for blob in needed.blobs:
            post_only(client, blob, Digest.of(blob, needed.algorithm), 201)
        if needed is not made:
            put(client, str(needed.digest), needed)


def put(client: Client, reference: str, made: Pushed, status: int = 201) -> Answer:
    """In chunks, as Go's client sends what has no length; then it lies where Location says."""
    path, media_type = f"/v2/{HERE}/manifests/{reference}", made.fields["mediaType"]
    answer = client.ask("PUT", path, iter([made.body]), status=status, Content_Type=media_type)
    if status == 201:
        served(client, answer["Location"], made)
    return answer


def served(client: Client, path: str, made: Pushed) -> None:
    """Accept is sent as two lines."""
    for method, body in (("HEAD", b""), ("GET", made.body)):
        answer = client.ask(method, path, status=200, Accept=ACCEPT)
        assert (answer["Content-Type"], answer["Content-Length"]) == (made.fields["mediaType"], str(len(made.body)))
        assert (answer["Docker-Content-Digest"], answer.body) == (str(made.digest), body)


def listed(client: Client, query: str = "") -> list[str]:
    tags: list[str] = json.loads(client.ask("GET", f"/v2/{HERE}/tags/list{query}", status=200).body)["tags"]
    return tags


def gone(client: Client, *references: str) -> None:
    for reference in references:
        client.ask("DELETE", f"/v2/{HERE}/manifests/{reference}", status=202)
        client.ask("HEAD", f"/v2/{HERE}/manifests/{reference}", status=404)


@pytest.mark.parametrize("made", [pytest.param(made, id=name) for name, made in of_kinds()])
def test_manifests_are_pushed_listed_pulled_and_deleted(client: Client, made: Pushed) -> None:
    prepared(client, made)
    put(client, str(made.digest), made)
    tags = ["one", "two"] if made.algorithm == "sha256" else []
    for tag in tags:
        put(client, tag, made)
        served(client, f"/v2/{HERE}/manifests/{tag}", made)
    assert listed(client) == tags
    assert listed(client, "?last=one") == tags[1:]
    gone(client, *tags, *(str(one.digest) for one in reversed(made.whole)))
    for one in made.whole:
        for blob in one.blobs:
            client.holds(HERE, blob, Digest.of(blob, one.algorithm))


@ALGORITHMS
def test_tags_beside_a_digest(client: Client, algorithm: str) -> None:
    made, tags = index(algorithm), [f"tag-{number}" for number in range(12)]
    prepared(client, made)
    answer = put(client, f"{made.digest}?{'&'.join(f'tag={tag}' for tag in tags)}", made)
    assert answer.headers.get_all("OCI-Tag") == tags
    for tag in tags:
        served(client, f"/v2/{HERE}/manifests/{tag}", made)
    gone(client, *tags, str(made.digest))


@pytest.mark.parametrize("subject", [image(), index(), image("sha512")], ids=["image", "index", "sha512"])
@pytest.mark.parametrize("there", [True, False], ids=["there", "missing"])
def test_what_refers_to_a_subject(client: Client, subject: Pushed, there: bool) -> None:
    if there:
        prepared(client, subject)
        put(client, str(subject.digest), subject)
    to: Any = {"subject": subject.descriptor(), "annotations": {"org.example.id": secrets.token_hex(4)}}
    plain, artifact = image(**to), image(artifactType=EXAMPLE, config=EMPTY, **to)
    list_of = index(artifactType=EXAMPLE, children=[], **to)
    for made in (plain, artifact, list_of):
        prepared(client, made)
        assert put(client, str(made.digest), made)["OCI-Subject"] == str(subject.digest)
    told = {
        made.digest: made.descriptor(artifactType=kind, annotations=to["annotations"])
        for made, kind in ((plain, CONFIG), (artifact, EXAMPLE), (list_of, EXAMPLE))
    }
    assert referring(client, subject) == [told[digest] for digest in sorted(told)]
    assert referring(client, subject, f"?artifactType={CONFIG.replace('+', '%2B')}") == [told[plain.digest]]
    assert referring(client, subject, "?artifactType=application/x.nobody") == []
    gone(client, *map(str, told), *([str(subject.digest)] if there else []))
    assert referring(client, subject) == []


def referring(client: Client, subject: Pushed, query: str = "") -> list[dict[str, object]]:
    answer = client.ask("GET", f"/v2/{HERE}/referrers/{subject.digest}{query}", status=200)
    assert answer["Content-Type"] == OCI_INDEX
    assert answer.headers["OCI-Filters-Applied"] == ("artifactType" if query else None)
    found = json.loads(answer.body)
    assert (found["schemaVersion"], found["mediaType"]) == (2, OCI_INDEX)
    manifests: list[dict[str, object]] = found["manifests"]
    return manifests


def test_manifests_that_are_not_what_was_said(client: Client) -> None:
    made = image()
    prepared(client, made)
    put(client, str(Digest.of(made.body + b"  ")), made, 400)
    put(client, "sha256:baddigeststring", made, 400)
    client.ask("GET", f"/v2/{HERE}/manifests/sha256:baddigeststring", status=400)
    client.ask("HEAD", f"/v2/{HERE}/manifests/{made.digest}", status=404)
