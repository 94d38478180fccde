"""Uploads that nobody went on with are taken away as `storage.maintenance.uploadpurging` says."""

import logging
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.times import SECOND_NS
from app.registry import purge
from app.registry.locks import FileLocks
from app.registry.registry import Registry
from app.registry.storage.checked import Checked
from app.registry.storage.filesystem import Filesystem
from app.registry.uploads import Session
from app.settings.registry import UploadPurging
from workers.purging import Purging

HOUR_NS = 3600 * SECOND_NS
UPLOADS = "docker/registry/v2/repositories/{}/_uploads/{}"


class Place:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "storage"
        self.driver = Checked(Filesystem(self.root))
        self.locks = FileLocks(folder / "locks")
        self.registry = Registry(self.driver, self.locks)

    def folder(self, session: Session) -> Path:
        return self.root / UPLOADS.format(session.repository, session.identifier)

    def begun(self, repository: str, hours_ago: float) -> Session:
        session = self.registry.start_upload(repository)
        moment = datetime.now(UTC) - timedelta(hours=hours_ago)
        (self.folder(session) / "startedat").write_text(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return session

    def purging(self, **said: object) -> Purging:
        return Purging(UploadPurging(age=2 * HOUR_NS, **said), self.driver, self.locks)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_began_too_long_ago_goes(place: Place) -> None:
    old, young = place.begun("shop/web", 3), place.begun("shop/web", 1)
    nested = place.begun("shop/web/deep", 3)  # a repository that has nothing else
    place.purging().run()
    assert [place.folder(one).exists() for one in (old, young, nested)] == [False, True, False]


def test_a_dry_run_only_tells(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    old = place.begun("shop/web", 3)
    with caplog.at_level(logging.INFO):
        place.purging(dryrun=True).run()
    assert place.folder(old).exists()
    assert f"stale upload {old.identifier} of shop/web would be removed" in caplog.text


def test_what_is_being_written_stays(place: Place) -> None:
    old = place.begun("shop/web", 3)
    with place.locks.upload(old.identifier):
        place.purging().run()
    assert place.folder(old).exists()


def test_dirt_of_other_registries_goes_by_its_age(place: Place) -> None:
    """distribution leaves `hashstates` of cancelled uploads behind, and never takes them away."""
    dirt = place.root / UPLOADS.format("shop/web", "0b1c8c0e-7f9e-4c6b-8f41-2d1d1f4f0a11")
    (dirt / "hashstates" / "sha256").mkdir(parents=True)
    place.purging().run()
    assert dirt.exists()
    long_ago = time.time() - 3 * 3600
    os.utime(dirt, (long_ago, long_ago))
    place.purging().run()
    assert not dirt.exists()


def test_it_runs_every_interval_and_not_at_once(place: Place) -> None:
    purging = place.purging(interval=24 * HOUR_NS)
    assert not purging.is_due
    purging.at = 0
    assert purging.is_due
    purging.run()
    assert not purging.is_due
    purging = place.purging(enabled=False)
    purging.at = 0
    assert not purging.is_due


def test_what_went_meanwhile_is_no_failure(place: Place) -> None:
    old = place.begun("shop/web", 3)
    (found,) = purge.stale(place.driver, time.time_ns())
    place.registry.cancel_upload(old)
    assert purge.remove(place.driver, place.locks, found)
    assert list(purge.stale(place.driver, time.time_ns())) == []
