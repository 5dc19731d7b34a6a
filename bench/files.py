"""A large file: published in pieces beside `cp` and `sha256sum` of it, and downloaded beside
nginx, which serves the same file."""
import json
import os
import subprocess
import time
import zipfile

from easel import API
from process import LOAD_CORE, SERVER_CORE, Server, free_port, installed, on_core, wait_for_quiet

MIB = 1 << 20
SIZE_MIB, PIECE_MIB = 1024, 64
DOWNLOADS = 5
DOCUMENT = ("<?xml version='1.0'?><datasource formatted-name='large' version='18.1'>"
            "<connection class='textscan' filename='x.csv'/></datasource>")
BOUNDARY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"  # as long as clients make them
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{port}; location / {{ root {folder}/www; }} }}
}}
"""


class FileServer(Server):
    def __init__(self, folder, path):
        os.makedirs(os.path.join(folder, "www"))
        os.link(path, os.path.join(folder, "www", "file"))
        self.port = free_port()
        with open(os.path.join(folder, "nginx.conf"), "w") as conf:
            conf.write(NGINX.format(folder=folder, port=self.port))
        super().__init__([installed("nginx"), "-e", f"{folder}/error.log", "-c",
                          f"{folder}/nginx.conf"], folder)


def parts(document, data):
    """The body of a request with that document, around a file."""
    head = (f"--{BOUNDARY}\r\nContent-Disposition: name=\"request_payload\"\r\n"
            f"Content-Type: text/xml\r\n\r\n{document}\r\n").encode()
    if data is None:
        return head + f"--{BOUNDARY}--\r\n".encode()
    return (head + f"--{BOUNDARY}\r\nContent-Disposition: name=\"tableau_file\"; filename=\"x\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\n".encode() + data +
            f"\r\n--{BOUNDARY}--\r\n".encode())


class Files:
    def __init__(self, bench):
        self.folder, self.copies = bench.path("files"), 0
        os.makedirs(self.folder)
        self.path = os.path.join(self.folder, "large.tdsx")
        self.make()
        self.pieces = list(self.cut())
        self.easel, _, _ = bench.new_easel("easel-files", lambda repository: None)
        self.token, self.site = self.easel.sign_in_as_admin()
        self.project = self.easel.call("GET", f"/sites/{self.site}/projects",
                                       token=self.token)["projects"]["project"][0]["id"]
        self.nginx = bench.started(FileServer(bench.path("nginx-files"), self.path))
        self.nginx.first_answer(self.nginx.port, "/")
        self.item = self.publish()

    def make(self):
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_STORED) as package:
            package.writestr("large.tds", DOCUMENT)
            with package.open("Data/large.bin", "w", force_zip64=True) as out:
                for _ in range(SIZE_MIB):
                    out.write(os.urandom(MIB))

    def cut(self):
        """Bodies of Append to File Upload, each in a file: clients have theirs on a disk too."""
        with open(self.path, "rb") as source:
            while data := source.read(PIECE_MIB * MIB):
                name = os.path.join(self.folder, f"piece-{source.tell()}")
                with open(name, "wb") as out:
                    out.write(parts("", data))
                yield name
        os.sync()

    def curl(self, url, *arguments):
        return subprocess.run(["curl", "-sf", "-H", f"X-Tableau-Auth: {self.token}", *arguments, url],
                              check=True, stdout=subprocess.PIPE).stdout

    def rest(self, path):
        return f"http://127.0.0.1:{self.easel.port}{API}/sites/{self.site}/{path}"

    def publish(self):
        kind = f"Content-Type: multipart/mixed; boundary={BOUNDARY}"
        upload = self.easel.call("POST", f"/sites/{self.site}/fileUploads",
                                 token=self.token)["fileUpload"]["uploadSessionId"]
        for piece in self.pieces:
            self.curl(self.rest(f"fileUploads/{upload}"), "-X", "PUT", "-H", kind, "-H", "Expect:",
                      "-o", os.devnull, "-T", piece)
        document = (f"<tsRequest><datasource name='Large'><project id='{self.project}'/>"
                    "</datasource></tsRequest>")
        answer = self.curl(
            self.rest(f"datasources?uploadSessionId={upload}&datasourceType=tdsx&overwrite=true"),
            "-H", kind, "-H", "Accept: application/json", "--data-binary",
            parts(document, None).decode())
        return json.loads(answer)["datasource"]["id"]

    def measure_publish(self, figure):
        wait_for_quiet()
        began = time.monotonic()
        self.publish()
        figure.add(SIZE_MIB / (time.monotonic() - began))

    def measure_reference(self, figure):
        """The copies stay: a file that takes the place of a deleted one gets its memory too,
        and what is published does not."""
        self.copies += 1
        wait_for_quiet()
        began = time.monotonic()
        with on_core(SERVER_CORE):
            subprocess.run(["cp", self.path, os.path.join(self.folder, f"copy-{self.copies}")],
                           check=True)
            subprocess.run(["sha256sum", self.path], check=True, stdout=subprocess.DEVNULL)
        figure.add(SIZE_MIB / (time.monotonic() - began))

    def measure_download(self, figure, url):
        """Several times over, as one alone is over within a second."""
        wait_for_quiet()
        began = time.monotonic()
        with on_core(LOAD_CORE):
            for _ in range(DOWNLOADS):
                self.curl(url, "-o", os.devnull)
        figure.add(DOWNLOADS * SIZE_MIB / (time.monotonic() - began))


def add(bench):
    files = Files(bench)
    size = f"{SIZE_MIB // 1024} GiB"
    bench.add("files cp", f"{size}: cp, then sha256sum", "MiB/s", files.measure_reference)
    bench.add("files publish", f"{size}: published in pieces of {PIECE_MIB} MiB", "MiB/s",
              files.measure_publish)
    bench.add("files nginx", f"{size}: nginx sends it, five times", "MiB/s", lambda figure:
              files.measure_download(figure, f"http://127.0.0.1:{files.nginx.port}/file"))
    bench.add("files download", f"{size}: Download Data Source, five times", "MiB/s", lambda figure:
              files.measure_download(figure, files.rest(f"datasources/{files.item}/content")))


def aims(ratio):
    ratio("Time to publish 1 GiB in pieces against cp and sha256sum", "files cp", "files publish",
          "at most", 1.3)
    ratio("Download of 1 GiB against nginx", "files download", "files nginx", "at least", 0.7)
