"""Sign-ins by JWT, as many fresh ones as a measurement needs."""
import contextlib
import os
import sqlite3

import load

WARM = 0.5  # seconds, of every load


class SignIns:
    """Sign-ins with fresh JWTs, as many as the last rate asks for."""

    def __init__(self, bench, easel, app, users, rate=20_000):
        self.bench, self.easel, self.app, self.users = bench, easel, app, users[:1000]
        self.repository = os.path.join(easel.folder, "data", "easel.db")
        self.path = bench.path("sign-ins")
        self.rate = rate

    def sessions(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.repository}?mode=ro", uri=True)) as db:
            return db.execute("SELECT COUNT(*) FROM session").fetchone()[0]

    def mint(self):
        seconds = self.bench.options.seconds + WARM
        return load.write(self.path, self.app.sign_ins(int(self.rate * 1.5 * seconds), self.users))

    def measure(self, figure):
        before = self.sessions()
        answers, self.rate = self.bench.measure_load(figure, self.easel, self.mint, loop=False)
        kept = self.sessions() - before
        if kept < answers:
            raise RuntimeError(f"{answers} sign-ins answered, {kept} sessions kept")
