"""What distribution's configuration decides about `/v2/` (issue 5, items 4 and 6)."""

import base64
import hmac
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from images import an_image
from reading_app import client_of
from registry_server import an_app
from shop import Shop
from system import wait_until

from app.domain.digests import Digest
from app.registry.locks import ThreadLocks
from app.registry.policy import Policy
from app.registry.registry import Registry
from app.registry.storage.checked import Checked
from app.registry.storage.memory import Memory
from app.registry.validation import OCI_INDEX, OCI_MANIFEST
from app.settings import ConfigurationError, load
from app.web.registry.manner import Manner


def served(manner: Manner = Manner(), policy: Policy = Policy()) -> Shop:  # noqa: B008 - frozen values
    shop = Shop(Checked(Memory()), ThreadLocks())
    shop.registry = Registry(shop.driver, shop.locks, policy)
    shop.client = an_app(shop.registry, lambda _: shop.recorder, manner).test_client()
    return shop


def test_deleting_is_switched_off(tmp_path: Path) -> None:
    shop = served(Manner(deletes=False))
    image = shop.push_image(tmp_path, "v1")
    blob = next(iter(image.blobs))
    for path in ("manifests/v1", f"manifests/{image.digest}", f"blobs/{blob}", "_tagtrail/repository"):
        answer = shop.refused("DELETE", path, 405, "UNSUPPORTED")
        assert "DELETE" not in answer.headers["Allow"]
    assert shop.call("GET", "manifests/v1", status=200).headers["Docker-Content-Digest"] == str(image.digest)
    shop.call("DELETE", shop.start(), status=204)  # what never was content is nobody's to keep


def test_read_only(tmp_path: Path) -> None:
    image = Shop.push_image(writable := served(), tmp_path, "v1")
    shop = served(Manner(read_only=True))
    shop.client = an_app(writable.registry, lambda _: shop.recorder, Manner(read_only=True)).test_client()
    session = urlsplit(writable.start()).path
    asked = [("POST", "blobs/uploads/"), ("PUT", "manifests/v2"), ("DELETE", "manifests/v1"), ("PATCH", session),
             ("PUT", session), ("DELETE", session)]  # fmt: skip
    for method, path in asked:
        answer = shop.refused(method, path, 405, "UNSUPPORTED", data=b"{}")
        assert "read-only" in answer.json["errors"][0]["detail"]
    shop.call("GET", "manifests/v1", status=200)
    assert shop.call("GET", "tags/list", status=200).json["tags"] == ["v1"]
    assert image.digest


def test_locations_begin_with_the_configured_host(tmp_path: Path) -> None:
    shop = served(Manner(base_url="https://registry.example"))
    blob = b"hello"
    answer = shop.call("POST", f"blobs/uploads/?digest={Digest.of(blob)}", status=201, data=blob)
    assert answer.headers["Location"] == f"https://registry.example/v2/shop/web/blobs/{Digest.of(blob)}"
    assert shop.start().startswith("https://registry.example/v2/shop/web/blobs/uploads/")
    image = an_image(tmp_path, 1)
    for content in image.blobs.values():
        shop.push_blob(content)
    location = shop.put("v1", image.manifest).headers["Location"]
    assert location == f"https://registry.example/v2/shop/web/manifests/{image.digest}"


def test_headers_stand_on_every_answer() -> None:
    shop = served(Manner(headers={"X-Content-Type-Options": ("nosniff",), "Access-Control-Allow-Origin": ("*",)}))
    for path, status in (("/v2/", 200), ("manifests/none", 404), ("nonsense", 404)):
        headers = shop.call("GET", path, status=status).headers
        assert (headers["X-Content-Type-Options"], headers["Access-Control-Allow-Origin"]) == ("nosniff", "*")


def test_lists_are_no_longer_than_configured(tmp_path: Path) -> None:
    shop = served(Manner(most_repositories=1, most_tags=2))
    image = shop.push_image(tmp_path, "v1")
    for tag in ("v2", "v3"):
        shop.put(tag, image.manifest)
    answer = shop.call("GET", "tags/list?n=100", status=200)
    assert answer.json["tags"] == ["v1", "v2"]
    assert "n=2" in answer.headers["Link"]
    for blob in image.blobs.values():
        shop.push_blob(blob, "shop/api")
    shop.call("PUT", "/v2/shop/api/manifests/v1", status=201, data=image.manifest, content_type=OCI_MANIFEST)
    answer = shop.call("GET", "/v2/_catalog", status=200)
    assert answer.json["repositories"] == ["shop/api"]
    assert "n=1" in answer.headers["Link"]


def test_uploads_carry_their_state_as_distribution_packs_it() -> None:
    """base64url(HMAC-SHA256(secret, json) + json), after distribution's hmac.go; old states are no obstacle."""
    shop = served(Manner(secret=b"asecret"))
    begun = shop.start()
    (token,) = parse_qs(urlsplit(begun).query)["_state"]
    packed = base64.urlsafe_b64decode(token)
    assert hmac.compare_digest(packed[:32], hmac.digest(b"asecret", packed[32:], "sha256"))
    state = json.loads(packed[32:])
    assert list(state) == ["Name", "UUID", "Offset", "StartedAt"]
    assert (state["Name"], state["Offset"]) == ("shop/web", 0)
    assert state["UUID"] == urlsplit(begun).path.rpartition("/")[2]
    after = shop.call("PATCH", begun, status=202, data=b"abc").headers["Location"]
    (token,) = parse_qs(urlsplit(after).query)["_state"]
    assert json.loads(base64.urlsafe_b64decode(token)[32:])["Offset"] == 3
    assert shop.call("GET", begun, status=204).headers["Range"] == "0-2"  # distribution 2.8: 404
    shop.call("PUT", f"{begun}&digest={Digest.of(b'abc')}", status=201)


# What manifests may name


def layered(url: str) -> tuple[bytes, bytes]:
    """An image with a layer elsewhere, and its config."""
    config = b"{}"
    layer = {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "size": 3,
             "digest": str(Digest.of(b"far")), "urls": [url]}  # fmt: skip
    about = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": str(Digest.of(config))}
    return json.dumps({"schemaVersion": 2, "config": about, "layers": [layer]}).encode(), config


@pytest.mark.parametrize(
    ("policy", "url", "status"),
    [
        (Policy(), "ftp://anywhere", 201),
        (Policy(allow=("^https://cdn\\.example/",)), "https://cdn.example/a", 201),
        (Policy(allow=("^https://cdn\\.example/",)), "https://other.example/a", 400),
        (Policy(deny=("evil",)), "https://cdn.example/a", 201),
        (Policy(deny=("evil",)), "https://evil.example/a", 400),
        (Policy(deny=("evil",)), "ftp://cdn.example/a", 400),
        (Policy(deny=("evil",)), "https://cdn.example/a#b", 400),
    ],
)
def test_where_layers_may_lie(policy: Policy, url: str, status: int) -> None:
    shop = served(policy=policy)
    body, config = layered(url)
    shop.push_blob(config)
    content_type = "application/vnd.oci.image.manifest.v1+json"
    answer = shop.call("PUT", "manifests/v1", status=status, data=body, content_type=content_type)
    if status == 400:
        assert answer.json["errors"][0]["code"] == "MANIFEST_INVALID"


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (Policy(), 400),
        (Policy(platforms="none"), 201),
        (Policy(platforms="list", listed=frozenset({("linux", "amd64")})), 400),
        (Policy(platforms="list", listed=frozenset({("linux", "arm64")})), 201),
    ],
)
def test_whose_manifests_an_index_needs(policy: Policy, status: int) -> None:
    child = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 3, "digest": str(Digest.of(b"far")),
             "platform": {"os": "linux", "architecture": "amd64"}}  # fmt: skip
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]}).encode()
    served(policy=policy).call("PUT", "manifests/v1", status=status, data=body, content_type=OCI_INDEX)


# The same keys under `registry:` of tagtrail.yml


def test_a_file_of_our_own_decides_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    down = tmp_path / "down"
    (tmp_path / "tagtrail.yml").write_text(
        "registry: {storage: {inmemory: {}, delete: {enabled: false}}, catalog: {maxentries: 7},"
        f" health: {{file: [{{file: {down}, interval: 50ms}}]}}, http: {{secret: asecret}}}}"
    )
    with client_of(monkeypatch, tmp_path, f"sqlite:///{tmp_path}/tagtrail.db") as client:
        answer = client.delete(f"/v2/shop/web/blobs/{Digest.of(b'')}")
        assert (answer.status_code, answer.json["errors"][0]["code"]) == (405, "UNSUPPORTED")
        down.touch()
        wait_until("it is down", lambda: client.get("/v2/").status_code == 503)
        assert client.get("/livez").status_code == 200
        down.unlink()
        wait_until("it is up", lambda: client.get("/v2/").status_code == 200)


@pytest.mark.parametrize("text", ["http: {addr: ':1'}", "http: {tls: {}}", "log: {level: info}"])
def test_what_only_a_registry_alone_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "tagtrail.yml").write_text(f"registry:\n  {text}\n")
    monkeypatch.setenv("TAGTRAIL_CONFIG", str(tmp_path / "tagtrail.yml"))
    with pytest.raises(ConfigurationError, match=r"tagtrail.yml:2: registry\.\w+.*: this is for a registry that"):
        load()
