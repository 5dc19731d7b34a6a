#!/usr/bin/python3
"""Large files: storing one as a blob beside cp and sha256sum, sending and taking one
beside nginx. Every candidate once in each round, medians.

    bench/blobs.py [--build DIR] [--rounds N] [--mib SIZE] [--folder DIR]

Prints its figures; removes what it made. What is written is synced in every
candidate's time, as otherwise the disk would be measured in one and not in the other."""
import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from process import free_port, installed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{port}; location / {{ root {folder}/www; }} }}
}}
"""


def timed(*command):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


class Files:
    """Files of this run, and the ways to store one."""

    def __init__(self, loop, folder, mib):
        self.loop, self.folder = loop, folder
        self.source, self.copy = os.path.join(folder, "www", "file"), os.path.join(folder, "copy")
        os.makedirs(os.path.join(folder, "www"))
        with open(self.source, "wb") as out:
            for _ in range(mib):
                out.write(os.urandom(1 << 20))
        os.sync()

    def reference(self):
        seconds = timed("cp", self.source, self.copy) + timed("sync", self.copy)
        seconds += timed("sha256sum", self.source)
        os.unlink(self.copy)
        return seconds

    def reference_unsynced(self):
        seconds = timed("cp", self.source, self.copy) + timed("sha256sum", self.source)
        os.unlink(self.copy)
        return seconds

    def blob(self, how, source):
        store = os.path.join(self.folder, "blobs")
        out = subprocess.run([self.loop, how, store, source], check=True, capture_output=True,
                             text=True).stdout
        shutil.rmtree(store)
        return float(out.split()[0])

    def store(self):
        return self.blob("store", self.source)

    def take(self):
        shutil.copyfile(self.source, self.copy)
        return self.blob("take", self.copy)


def curl(*arguments):
    out = subprocess.run(["curl", "-sf", "-o", os.devnull, "-w", "%{time_total}", *arguments],
                         check=True, capture_output=True, text=True).stdout
    return float(out)


@contextlib.contextmanager
def easel(files):
    spool = os.path.join(files.folder, "spool")
    os.makedirs(spool)
    process = subprocess.Popen([files.loop, "serve", spool, files.source], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/file"
    finally:
        process.stdin.close()
        process.wait(10)


@contextlib.contextmanager
def nginx(files):
    port = free_port()
    with open(os.path.join(files.folder, "nginx.conf"), "w") as conf:
        conf.write(NGINX.format(folder=files.folder, port=port))
    os.chmod(files.folder, 0o755)
    process = subprocess.Popen([installed("nginx"), "-e", f"{files.folder}/nginx.log", "-c",
                                f"{files.folder}/nginx.conf"])
    try:
        for _ in range(100):
            if subprocess.run(["curl", "-s", "-o", os.devnull, "-r", "0-0",
                               f"http://127.0.0.1:{port}/file"]).returncode == 0:
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/file"
    finally:
        process.terminate()
        process.wait(10)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--folder", help="where the files go (default: the temporary folder)")
    options = parser.parse_args()
    loop = os.path.join(options.build, "bench", "blob_loop")
    if not os.path.exists(loop):
        sys.exit(f"blobs: run `ninja -C {options.build} bench/blob_loop` first")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="easel-bench-", dir=options.folder))
        files = Files(loop, folder, options.mib)
        ours, theirs = stack.enter_context(easel(files)), stack.enter_context(nginx(files))
        candidates = {
            "cp, sync, sha256sum": files.reference,
            "cp, sha256sum (not durable)": files.reference_unsynced,
            "blob through a writer": files.store,
            "blob taken in whole": files.take,
            "nginx sends it": lambda: curl(theirs),
            "easel sends it": lambda: curl(ours),
            "easel takes it into a file": lambda: curl("-H", "Expect:", "-X", "POST", "-T",
                                                       files.source, ours),
        }
        spans = {name: [] for name in candidates}
        for _ in range(options.rounds):
            for name, measure in candidates.items():
                spans[name].append(measure())
        for name, seconds in spans.items():
            middle = statistics.median(seconds)
            print(f"{name:30} {middle:7.3f} s  {options.mib / middle:8.0f} MiB/s   "
                  f"({min(seconds):.3f} to {max(seconds):.3f})")


main()
