"""The adapter for Zarr passes what every adapter has to pass over S3, as a real client speaks it to a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from zarr.storage import ObjectStore

from hdmf_store.adapter import StoreAdapter
from hdmf_store.testing import AdapterConformance
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.servers.s3 import Bucket

pytestmark = pytest.mark.once


class InBucket(AdapterConformance):
    """Places below an empty bucket."""

    bucket: Bucket

    @pytest.fixture(autouse=True)
    def _bucket(self, s3: Bucket) -> Iterator[None]:
        self.bucket = s3
        yield

    def new_place(self, folder: Path) -> Any:
        return f"{self.bucket.url}/{uuid.uuid4().hex}.zarr"


class TestS3(InBucket):
    """A URL, by s3fs."""

    def connect(self, place: Any) -> StoreAdapter:
        return ZarrAdapter(place, storage_options=self.bucket.storage_options)


class TestS3ByObstore(InBucket):
    """A store of obstore, as zarr wraps it."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        pytest.importorskip("obstore")
        return ObjectStore(self.bucket.obstore(f"{uuid.uuid4().hex}.zarr"))
