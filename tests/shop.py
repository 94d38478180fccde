"""A registry with a client at its door."""

from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from images import Image, an_image
from recording import Recorder
from registry_server import an_app
from werkzeug.test import TestResponse

from app.domain.digests import Digest
from app.registry.locks import Locks
from app.registry.registry import Registry
from app.registry.storage.checked import Checked
from app.registry.storage.driver import PathNotFoundError
from app.registry.validation import OCI_MANIFEST

HERE = "/docker/registry/v2/repositories/shop/web"


class Shop:
    """Speaks of the repository shop/web."""

    def __init__(self, driver: Checked, locks: Locks) -> None:
        self.driver, self.locks = driver, locks
        self.registry = Registry(driver, locks)
        self.recorder = Recorder(self.registry)
        self.client: FlaskClient = an_app(self.registry, lambda _: self.recorder).test_client()

    def call(self, method: str, path: str, *, status: int, **more: Any) -> TestResponse:
        """One request; the answer has the status and all that every answer must have."""
        url = path if path.startswith("/") else f"/v2/shop/web/{path}"
        answer = self.client.open(url, method=method, buffered=True, **more)
        assert answer.status_code == status, answer.get_data(as_text=True)
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        if status >= 400 and method != "HEAD":
            assert answer.content_type == "application/json"
            assert all(entry["code"] and entry["message"] for entry in answer.json["errors"])
        return answer

    def refused(self, method: str, path: str, status: int, code: str, **more: Any) -> TestResponse:
        """A request that is answered with an error and announces nothing."""
        answer = self.call(method, path, status=status, **more)
        if method != "HEAD":
            assert answer.json["errors"][0]["code"] == code
        assert self.recorder.take() == []
        return answer

    def push_blob(self, content: bytes, repository: str = "shop/web") -> Digest:
        digest = Digest.of(content)
        url = f"/v2/{repository}/blobs/uploads/?digest={digest}"
        self.call("POST", url, status=201, data=content)
        return digest

    def push_image(self, folder: Path, reference: str, seed: int = 1) -> Image:
        image = an_image(folder, seed)
        for blob in image.blobs.values():
            self.push_blob(blob)
        self.put(reference, image.manifest)
        self.recorder.take()
        return image

    def put(self, reference: str, body: bytes, media_type: str = OCI_MANIFEST) -> TestResponse:
        return self.call("PUT", f"manifests/{reference}", status=201, data=body, content_type=media_type)

    def start(self) -> str:
        location: str = self.call("POST", "blobs/uploads/", status=202).headers["Location"]
        return location

    def exists(self, path: str) -> bool:
        folder, _, _ = path.rpartition("/")
        try:
            return path in self.driver.list(folder)
        except Exception:  # noqa: BLE001  any driver's way to say that the folder is not there
            return False

    def uploads(self) -> list[str]:
        try:
            return list(self.driver.list(f"{HERE}/_uploads"))
        except PathNotFoundError:
            return []
