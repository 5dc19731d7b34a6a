"""Servers under test: started on core 0, asked until they answer, stopped, and
what memory they hold. The load and everything else runs on core 1."""
import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time

SERVER_CORE, LOAD_CORE = 0, 1


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def pin(core):
    if core in os.sched_getaffinity(0) or os.cpu_count() > core:
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def on_core(core):
    """What is started inside inherits the core: no wrapper delays its start."""
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """One process, its children with it; `command` is an argument list."""

    def __init__(self, command, folder, env=None):
        self.log_path = os.path.join(folder, "log")
        self.command, self.folder = command, folder
        self.env = {**os.environ, **(env or {})}
        self.process = None

    def start(self):
        log = open(self.log_path, "ab")
        with on_core(SERVER_CORE), log:
            self.started_at = time.monotonic()
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.env, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True)
        return self

    def stop(self):
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process = None

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def first_answer(self, port, path, timeout=20):
        """Milliseconds from the start of the process to its first whole answer."""
        end = self.started_at + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} ended: {self.log()[-2000:]}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
                connection.request("GET", path)
                connection.getresponse().read()
                connection.close()
                return (time.monotonic() - self.started_at) * 1000
            except OSError:
                time.sleep(0.0002)
        raise RuntimeError(f"{self.command[0]} did not answer: {self.log()[-2000:]}")

    def memory(self):
        """Resident and proportional memory in MiB, of the process and its children."""
        rss = pss = 0
        for pid in family(self.process.pid):
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                for line in rollup:
                    if line.startswith("Rss:"):
                        rss += int(line.split()[1])
                    elif line.startswith("Pss:"):
                        pss += int(line.split()[1])
        return rss / 1024, pss / 1024

    def cpu_seconds(self):
        ticks = 0
        for pid in family(self.process.pid):
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def family(pid):
    children = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        # A thread may end while it is looked at.
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as listing:
            children += [int(child) for child in listing.read().split()]
    return [pid] + [member for child in children for member in family(child)]


def busy_seconds():
    """CPU time of all processes on both cores, and what the hypervisor took."""
    ticks = 0
    with open("/proc/stat") as stat:
        for line in stat:
            name, *fields = line.split()
            if name in (f"cpu{SERVER_CORE}", f"cpu{LOAD_CORE}"):
                user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[:8])
                ticks += user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(limit=5.0):
    """Until others leave the two cores alone for a moment, or the limit."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = busy_seconds()
        time.sleep(0.25)
        if busy_seconds() - before <= 0.03:
            return


def installed(name):
    """Path of a program, also where PATH lacks the administrator's folders."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
