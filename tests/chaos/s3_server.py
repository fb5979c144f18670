"""A SeaweedFS in a process of its own, reached as S3; it can be killed and started again on the same files."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.chaos.errors import ChaosError
from tests.conftest import free_port

SECONDS_TO_START = 90
_SERVICES = ("master", "volume", "filer", "s3")


class S3Server:
    """The server, its ports and its only credentials."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._access_key, self._secret_key = f"chaos-{secrets.token_hex(8)}", secrets.token_hex(20)
        self._ports = {service: free_port() for service in _SERVICES}
        self._rpc_ports = {service: free_port() for service in _SERVICES}
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True)
        (folder / "identities.json").write_text(json.dumps(self._identities()))

    @property
    def variables(self) -> dict[str, str]:
        """The AWS variables that lead to this server."""
        return {
            "AWS_ACCESS_KEY_ID": self._access_key,
            "AWS_SECRET_ACCESS_KEY": self._secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._ports['s3']}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def pid(self) -> int | None:
        """The process id while the server runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> None:
        """Start the server; it answers some seconds later."""
        ports = [f"-{service}.port={port}" for service, port in self._ports.items()]
        ports += [f"-{service}.port.grpc={port}" for service, port in self._rpc_ports.items()]
        command = [
            str(Path(sys.executable).with_name("weed")),
            *("server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._folder / 'data'}"),
            *("-s3", f"-s3.config={self._folder / 'identities.json'}", *ports),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
            *("-master.volumeSizeLimitMB=256", "-volume.max=20"),
        ]
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=30)

    def create_bucket(self, name: str) -> None:
        """Make a bucket as soon as the server can.

        Raises:
            ChaosError: it does not answer in time, or has ended.

        """
        once = Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5)
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                self._client(once).create_bucket(Bucket=name)
                return
            except (ClientError, BotoCoreError, OSError) as error:
                if self.pid is None or time.monotonic() > deadline:
                    raise ChaosError(
                        f"SeaweedFS does not answer ({error}): see {self._folder / 'log.txt'}"
                    ) from error
            time.sleep(0.5)

    def _client(self, config: Config) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            aws_access_key_id=self._access_key,
            aws_secret_access_key=self._secret_key,
            region_name="us-east-1",
            config=config,
        )

    def _identities(self) -> dict[str, object]:
        credentials = [{"accessKey": self._access_key, "secretKey": self._secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        return {"identities": [{"name": "chaos", "credentials": credentials, "actions": actions}]}
