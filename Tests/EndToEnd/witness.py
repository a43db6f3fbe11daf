"""A small witness for tests: C2SP tlog-witness v1.0.0 over HTTP, written from the specifications alone.

https://c2sp.org/tlog-witness, https://c2sp.org/tlog-cosignature, https://c2sp.org/tlog-checkpoint,
https://c2sp.org/signed-note, RFC 6962 section 2.1.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def key_id(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if old == new:
        return not proof and old_root == new_root
    if old == 0 or old > new or not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    left = right = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            left, right = node(step, left), node(step, right)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            right = node(right, step)
        first, last = first >> 1, last >> 1
    return last == 0 and left == old_root and right == new_root


class Witness:
    """What it has cosigned of each log, and the keys of the logs that it knows."""

    def __init__(self, name: str, seed: bytes | None = None):
        self.name = name
        self.private = Ed25519PrivateKey.from_private_bytes(seed) if seed else Ed25519PrivateKey.generate()
        self.public = b"\x04" + self.private.public_key().public_bytes_raw()
        self.id = key_id(name, self.public)
        self.logs: dict[str, bytes] = {}
        self.latest: dict[str, tuple[int, bytes]] = {}
        self.requests: list[bytes] = []
        self.lock = threading.Lock()
        self.server: ThreadingHTTPServer | None = None

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.public).decode()}"

    def trust(self, vkey: str) -> None:
        name, _, key = vkey.split("+", 2)
        self.logs[name] = base64.b64decode(key)

    def add_checkpoint(self, body: bytes) -> tuple[int, str, bytes]:
        with self.lock:
            self.requests.append(body)
            return self.judge(body)

    def judge(self, body: bytes) -> tuple[int, str, bytes]:
        plain = "text/plain"
        try:
            head, note = body.split(b"\n\n", 1)
            first, *hashes = head.decode().split("\n")
            assert first.startswith("old ")
            old, proof = int(first[4:]), [base64.b64decode(line, validate=True) for line in hashes]
            text, signatures = note.rsplit(b"\n\n", 1)
            text += b"\n"
            origin, size, root = text.decode().split("\n")[:3]
            size, root = int(size), base64.b64decode(root, validate=True)
        except (AssertionError, ValueError):
            return 400, plain, b"malformed\n"
        if origin not in self.logs:
            return 404, plain, b"unknown log\n"
        if not self.is_signed(origin, text, signatures.decode()):
            return 403, plain, b"no signature of a trusted key\n"
        if old > size:
            return 400, plain, b"old size greater than the checkpoint's\n"
        known, known_root = self.latest.get(origin, (0, b""))
        if old != known:
            return 409, "text/x.tlog.size", f"{known}\n".encode()
        if known == size and known > 0 and root != known_root:
            return 409, plain, b"another root\n"
        if known == 0 and proof:
            return 422, plain, b"a proof from nothing\n"
        if 0 < known < size and not verify_consistency(known, known_root, size, root, proof):
            return 422, plain, b"not consistent\n"
        self.latest[origin] = (size, root)
        return 200, plain, self.cosign(text)

    def is_signed(self, origin: str, text: bytes, signatures: str) -> bool:
        key = self.logs[origin]
        for line in signatures.splitlines():
            dash, name, blob = line.split(" ")
            raw = base64.b64decode(blob)
            if dash != "—" or name != origin or raw[:4] != key_id(name, key):
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], text)
                return True
            except InvalidSignature:
                return False
        return False

    def cosign(self, text: bytes) -> bytes:
        now = int(time.time())
        signature = self.private.sign(b"cosignature/v1\ntime %d\n" % now + text)
        blob = base64.b64encode(self.id + now.to_bytes(8, "big") + signature).decode()
        return f"— {self.name} {blob}\n".encode()

    def start(self) -> str:
        """Serves on loopback; returns its address."""
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, kind, answer = (404, "text/plain", b"") if not self.path.endswith("/add-checkpoint") \
                    else witness.add_checkpoint(body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}/witness"

    def stop(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()
