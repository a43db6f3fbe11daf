"""A real S3 server for tests: `weed` of SeaweedFS, bound to the loopback, with two identities."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

Keys = tuple[str, str]


def program() -> str | None:
    """`CAIRN_WEED`, the one that pip installed beside this Python, or that of PATH."""
    beside = Path(sys.executable).parent / "weed"
    return os.environ.get("CAIRN_WEED") or (str(beside) if beside.exists() else shutil.which("weed"))


class SeaweedFS:
    ADMIN: Keys = ("ADMINKEY", "admin+secret/of=tests")
    # May do what an archiver does, and not pass over a lock.
    WRITER: Keys = ("WRITERKEY", "writer+secret/of=tests")

    def __init__(self, scratch: Path):
        (scratch / "data").mkdir(parents=True)
        configuration = scratch / "s3.json"
        configuration.write_text(json.dumps({"identities": [
            self.identity("admin", self.ADMIN, ["Admin"]),
            self.identity("writer", self.WRITER, [
                "Read", "Write", "List", "PutObjectRetention", "GetObjectRetention", "GetObjectLegalHold"]),
        ]}))
        names = ["s3.port", "s3.port.grpc", "filer.port", "filer.port.grpc", "master.port", "master.port.grpc",
                 "volume.port", "volume.port.grpc"]
        ports = dict(zip(names, free_ports(len(names))))
        self.endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        self.log = scratch / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [program(), "server", f"-dir={scratch / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer",
                 f"-s3.config={configuration}", *(f"-{name}={port}" for name, port in ports.items()),
                 f"-s3.localSocket={scratch / 's3.sock'}", f"-filer.localSocket={scratch / 'filer.sock'}",
                 "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=64",
                 "-volume.max=200"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @staticmethod
    def identity(name: str, keys: Keys, actions: list[str]) -> dict:
        return {"name": name, "actions": actions, "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}]}

    def client(self, keys: Keys):
        """A client of AWS's own making."""
        import botocore.config
        import botocore.session
        return botocore.session.Session().create_client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))

    def make_bucket(self, name: str, **options) -> None:
        """Also waits for the server, which takes some seconds to come up."""
        end = time.monotonic() + 60
        while True:
            try:
                self.client(self.ADMIN).create_bucket(Bucket=name, **options)
                return
            except Exception:
                assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()[-5000:]
                time.sleep(0.2)

    def stop(self) -> None:
        # It has nothing to put in order: all that it holds goes with it.
        self.process.kill()
        self.process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on: all were bound at once, so that no two are the same."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
