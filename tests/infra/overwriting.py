"""A storage that takes the condition of a create-only put and writes over what is there all the same."""

from __future__ import annotations

from infra.storage.files import Storage


class Overwriting(Storage):
    """Local files as some S3 servers would keep them."""

    def create_bytes(self, url: str, data: bytes) -> bool:
        self.write_bytes(url, data)
        return True
