"""What the figures were made on: read, never assumed."""
import json
import os
import platform
import statistics
import subprocess
import time

from process import installed


def output(*command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (out.stdout + out.stderr).strip()


def first_line(*command):
    return output(*command).split("\n")[0] or "not found"


def cpu_model():
    with open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def operating_system():
    with open("/etc/os-release") as release:
        rows = dict(line.rstrip().split("=", 1) for line in release if "=" in line)
    return rows.get("PRETTY_NAME", "unknown").strip('"')


def sync_ms(folder):
    """Median time of making 4 KiB durable: what a commit waits for."""
    path, times = os.path.join(folder, "sync-probe"), []
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    for _ in range(100):
        os.write(fd, b"x" * 4096)
        start = time.perf_counter()
        os.fdatasync(fd)
        times.append((time.perf_counter() - start) * 1000)
    os.close(fd)
    os.unlink(path)
    return statistics.median(times)


def notes(folder, build):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    file_system = output("stat", "-f", "-c", "%T", folder)
    version = lambda package: first_line("pkg-config", "--modversion", package)
    return {
        "Processor": f"{cpu_model()}, {os.cpu_count()} cores",
        "Memory": f"{memory:.0f} GiB",
        "System": f"{operating_system()}, Linux {platform.release()}",
        "Disk": f"{file_system}; 4 KiB made durable in {sync_ms(folder):.2f} ms (median)",
        "Compiler": first_line(os.environ.get("CC", "cc"), "--version"),
        "Build type": build_type(build),
        "Libraries": ", ".join(f"{name} {version(package)}" for name, package in (
            ("libmicrohttpd", "libmicrohttpd"), ("SQLite", "sqlite3"), ("OpenSSL", "libcrypto"),
            ("jansson", "jansson"), ("libxml2", "libxml-2.0"))),
        "nginx": first_line(installed("nginx") or "nginx", "-v").rsplit("/", 1)[-1],
        "node": first_line(installed("node") or "node", "--version"),
        "Load average at the start": f"{os.getloadavg()[0]:.2f}",
    }


def build_type(build):
    out = output("meson", "introspect", "--buildoptions", build)
    try:
        return next(o["value"] for o in json.loads(out) if o["name"] == "buildtype")
    except (ValueError, StopIteration):
        return "unknown"
