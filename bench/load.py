"""Requests written to files, and the load generator (load.c) run on them."""
import json
import os
import struct
import subprocess

from process import LOAD_CORE, on_core

HERE = os.path.dirname(os.path.abspath(__file__))


def build(folder):
    """Compiles the generator; it is part of the measure, not of the product."""
    binary = os.path.join(folder, "load")
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", binary,
                    os.path.join(HERE, "load.c")], check=True)
    return binary


def request(verb, path, headers=(), body=b""):
    lines = [f"{verb} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers)]
    if body or verb in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def write(path, requests):
    with open(path, "wb", buffering=1 << 20) as out:
        for one in requests:
            out.write(struct.pack("<I", len(one)) + one)
    return path


def run(binary, port, path, connections, seconds, warm, loop):
    """One measurement. Any answer that is not 2xx makes it worthless, so it fails."""
    command = [binary, "--warm", str(warm)] + (["--loop"] if loop else [])
    with on_core(LOAD_CORE):
        out = subprocess.run(command + [str(port), str(connections), str(seconds), path],
                             check=True, capture_output=True, text=True,
                             timeout=seconds + warm + 60).stdout
    result = json.loads(out)
    if result["odd_status"] or result["lost"] or not result["ok"]:
        raise RuntimeError(f"not a clean run: {result}")
    return result
