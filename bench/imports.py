"""Users imported from a CSV file."""
import contextlib
import json
import os
import sqlite3
import time
import uuid

from easel import API
from process import SERVER_CORE, on_core, wait_for_quiet

IMPORTED = 100_000


class Imports:
    """Users imported from a CSV file, by the rows of the job; and the same rows put
    into a copy of the same tables by Python's sqlite3, in one transaction."""

    def __init__(self, bench):
        self.bench, self.number = bench, 0
        self.easel, _, _ = bench.new_easel("easel-import", lambda repository: None)
        self.token, self.site = self.easel.sign_in_as_admin()

    def csv(self):
        self.number += 1
        return "".join(f"user-{self.number}-{i},,User {i},Explorer,None,no,u{i}@example.com\r\n"
                       for i in range(IMPORTED)).encode()

    def forget(self):
        """Each round imports into an empty site: the users of the last one go."""
        self.easel.stop()
        db = sqlite3.connect(os.path.join(self.easel.folder, "data", "easel.db"))
        db.execute("DELETE FROM site_user WHERE name LIKE 'user-%'")
        db.execute("DELETE FROM account WHERE name LIKE 'user-%'")
        db.commit()
        db.execute("VACUUM")
        db.close()
        self.easel.start()
        self.easel.ready()

    def measure(self, figure):
        self.forget()
        body = (b"--b\r\nContent-Disposition: form-data; name=\"tableau_user_import\"\r\n\r\n" +
                self.csv() + b"\r\n--b\r\nContent-Disposition: form-data; name=\"request_payload\""
                b"\r\n\r\n<tsRequest><user/></tsRequest>\r\n--b--\r\n")
        headers = [("Content-Type", "multipart/mixed; boundary=b"), ("X-Tableau-Auth", self.token),
                   ("Accept", "application/json")]
        wait_for_quiet()
        began = time.monotonic()
        status, _, text = self.easel.answer("POST", f"{API}/sites/{self.site}/users/import", headers,
                                            body)
        if status != 200:
            raise RuntimeError(f"import: {status} {text[:300]!r}")
        path = f"/sites/{self.site}/jobs/{json.loads(text)['job']['id']}"
        while "completedAt" not in (job := self.easel.call("GET", path, token=self.token)["job"]):
            time.sleep(0.005)
        if job["finishCode"] != "0":
            raise RuntimeError(f"import: {job}")
        figure.add(IMPORTED / (time.monotonic() - began))

    def measure_plain(self, figure):
        """The tables, indexes and settings of the repository itself, without Easel."""
        source = sqlite3.connect(os.path.join(self.easel.folder, "data", "easel.db"))
        tables = [sql for sql, in source.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ('account',"
            " 'site_user') ORDER BY type DESC")]
        source.close()
        path = self.bench.path("plain.db")
        db = sqlite3.connect(path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        for sql in tables:
            db.execute(sql)
        rows = [(str(uuid.uuid4()), str(uuid.uuid4()), f"user-{i}", f"User {i}",
                 f"u{i}@example.com", i) for i in range(IMPORTED)]
        persons = [(row[0], *row[2:5]) for row in rows]
        wait_for_quiet()
        began = time.monotonic()
        with on_core(SERVER_CORE):
            db.executemany("INSERT INTO account (id, name, name_key, full_name, email, created_at,"
                           " updated_at) VALUES (?1, ?2, ?2, ?3, ?4, 1, 1)", persons)
            db.executemany("INSERT INTO site_user (id, site_id, account_id, name, name_key,"
                           " site_role, email, full_name, last_login_at, created_at, updated_at,"
                           " serial) VALUES (?2, 'site', ?1, ?3, ?3, 'Explorer', ?5, ?4, 0, 1, 1,"
                           " ?6)", rows)
            db.commit()
        figure.add(IMPORTED / (time.monotonic() - began))
        db.close()
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path + suffix)


def add(bench):
    imports = Imports(bench)
    bench.add("import plain", f"Import of {IMPORTED:,} users: plain SQLite insert, one transaction",
              "rows/s", imports.measure_plain)
    bench.add("import easel", f"Import of {IMPORTED:,} users: Easel, CSV sent to job ended",
              "rows/s", imports.measure)


def aims(ratio):
    ratio("Import of users against a plain insert", "import easel", "import plain", "at least", 0.33)
