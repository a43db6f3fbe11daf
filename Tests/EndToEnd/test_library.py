"""The package of ReadingALog.md as its readers copy it: built outside of this one, against a log that is being written."""
import json
import os
import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CAIRN_BIN", ROOT / ".build/release"))
PAGE = ROOT / "Sources/CairnReader/Documentation.docc/ReadingALog.md"
# Kept, so that only the first build is a long one.
PLACE = ROOT / ".build-example"
SECONDS = 60


def build(log):
    """The program, which the page lets read /var/log/cairn."""
    manifest, program = re.findall(r"```swift\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert 'path: "../cairn"' in manifest and '"/var/log/cairn"' in program
    package = PLACE / "watch-logins"
    (package / "Sources/watch-logins").mkdir(parents=True, exist_ok=True)
    if not (PLACE / "cairn").is_symlink():
        (PLACE / "cairn").symlink_to(ROOT)
    (package / "Package.swift").write_text(manifest)
    (package / "Sources/watch-logins/WatchLogins.swift").write_text(program.replace("/var/log/cairn", str(log)))
    built = subprocess.run(["swift", "build", "--package-path", package], check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    return package / ".build/debug/watch-logins"


def send(socket, events):
    lines = "".join(json.dumps({"module": "authentication", "action": "login"} | event) + "\n" for event in events)
    subprocess.run([BINARIES / "cairn", "send", "--socket", socket], input=lines.encode(), check=True)


def test_the_program_of_the_page(tmp_path):
    log, socket, output = tmp_path / "log", tmp_path / "socket", tmp_path / "output"
    daemon = subprocess.Popen([BINARIES / "cairnd", "-D", log, "--socket", socket], stderr=subprocess.DEVNULL)
    program = None
    try:
        while not socket.exists():
            assert daemon.poll() is None
        failed = [{"status": "failed", "ip_address": "192.0.2.1"}] * 15 + [{"status": "failed", "ip_address": "192.0.2.2"}] * 5
        send(socket, [{"status": "success"}] * 30 + failed)
        with open(output, "wb") as file:
            program = subprocess.Popen(["stdbuf", "-oL", build(log)], stdout=file)
        end = time.monotonic() + SECONDS
        # Behind what was there follow those that come.
        while len(printed := output.read_text().splitlines()) < 15:
            assert program.poll() is None and time.monotonic() < end, printed
            if len(printed) > 11:
                send(socket, failed[:1])
            time.sleep(0.05)
    finally:
        for process in filter(None, [program, daemon]):
            process.terminate()
            process.wait()
    newest = printed[:10]
    assert [int(line.split()[0]) for line in newest] == sorted((int(line.split()[0]) for line in newest), reverse=True)
    assert all('"status":"failed"' in line.replace(" ", "") for line in newest)
    assert printed[10] == '20 failed; [("192.0.2.1", 15), ("192.0.2.2", 5)]'
    assert printed[11] == "VERIFIED"
    first = int(newest[0].split()[0]) + 1
    followed = [int(line) for line in printed[12:15]]
    # Between them the log tells of each connection.
    assert followed == [followed[0], followed[0] + 2, followed[0] + 4] and followed[0] >= first
