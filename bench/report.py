"""Figures and ratios as a table, as JSON and as docs/benchmarks.md."""
import datetime
import json
import statistics


class Figure:
    """One candidate: what was measured, once for each round."""

    def __init__(self, title, unit):
        self.title, self.unit, self.values, self.details = title, unit, [], []

    @property
    def median(self):
        return statistics.median(self.values)

    def add(self, value, **detail):
        self.values.append(value)
        if detail:
            self.details.append(detail)

    def row(self):
        low, high = min(self.values), max(self.values)
        return [self.title, number(self.median), self.unit, f"{number(low)} to {number(high)}",
                self.latency(), f"{self.disturbed():.0f}"]

    def disturbed(self):
        """Largest share of a core that other processes took, in percent."""
        return 100 * max((detail.get("others_cpu", 0) for detail in self.details), default=0)

    def latency(self):
        if not self.details or "p50_us" not in self.details[0]:
            return ""
        middle = lambda key: statistics.median(detail[key] for detail in self.details)
        return f"{middle('p50_us') / 1000:.2f} / {middle('p99_us') / 1000:.2f}"


class Aim:
    """A figure, or a ratio of two, against what is asked of it."""

    def __init__(self, title, value, relation, bound, unit=""):
        self.title, self.value, self.relation = title, value, relation
        self.bound, self.unit = bound, unit

    @property
    def met(self):
        return self.value >= self.bound if self.relation == "at least" else self.value <= self.bound

    def row(self):
        return [self.title, f"{self.value:.2f}{self.unit}",
                f"{self.relation} {self.bound:g}{self.unit}", "yes" if self.met else "no"]


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}" if value < 100 else f"{value:.1f}"


FIGURE_HEAD = ["What", "Median", "Unit", "Range", "p50 / p99 ms", "Others %"]
AIM_HEAD = ["Aim", "Measured", "Asked", "Met"]


def text_table(head, rows):
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    line = lambda row: "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
    return "\n".join([line(head), line(["-" * width for width in widths])] + [line(r) for r in rows])


def markdown_table(head, rows):
    line = lambda row: "| " + " | ".join(row) + " |"
    return "\n".join([line(head), line(["---"] * len(head))] + [line(row) for row in rows])


def print_all(figures, aims, skipped):
    print(text_table(FIGURE_HEAD, [figure.row() for figure in figures]))
    print()
    print(text_table(AIM_HEAD, [aim.row() for aim in aims]))
    for what, why in skipped:
        print(f"not measured: {what}: {why}")


def write_json(path, figures, aims, skipped, machine, settings):
    document = {
        "machine": machine, "settings": settings,
        "figures": [{"title": f.title, "unit": f.unit, "median": f.median, "values": f.values,
                     "details": f.details} for f in figures],
        "aims": [{"title": a.title, "value": a.value, "relation": a.relation, "bound": a.bound,
                  "met": a.met} for a in aims],
        "not_measured": [{"what": what, "why": why} for what, why in skipped]}
    with open(path, "w") as out:
        json.dump(document, out, indent=1)
        out.write("\n")


PAGE = """# Benchmarks

Written by `bench/run.py --write` ({date}); do not edit the figures by hand.

`make bench` measures Easel beside its references in the same run: each round
measures each candidate once, one after the other, and the figures are medians
of {rounds} rounds of {seconds} seconds after {warm} seconds of warming up. Every
server is pinned to core 0, the load to core 1; a measurement during which other
processes took more than 15 % of a core is repeated once (the column
"Others" tells the worst that was kept). All of it is on the loopback
interface with {connections} keep-alive connections, one request under way on
each. A run with a single answer that is not 2xx, or a lost connection, fails.

## Aims

{aims}

## Figures

{figures}

{skipped}## Machine

{machine}

## What was measured

- **Floor**: nginx, one worker, `return 200` with a body as long as Easel's
  answer and as many headers with as many bytes, on the very requests that
  Easel gets.
- **Sign-in**: POST /auth/signin with a JWT (HS256) of a connected app, JSON
  both ways, default settings of `easel serve`. Every JWT is minted before the
  run, names one of 1,000 users and is used once. The session, the used `jti`
  and the record of the sign-in are durable in SQLite before the answer goes
  out; after each run the rows are counted against the answers.
  oidc-provider issues opaque tokens for client_credentials and keeps them in
  memory only. Glewlwyd signs JWTs with HS256 for client_credentials and keeps
  them in SQLite on the same disk.
- **Sign-in by an external authorization server**: the same with JWTs signed by RSA of
  2048 bits (RS256) and on P-256 (ES256), for `tableau:SITE-LUID`. The provider's documents
  were fetched before and are kept for the run. `openssl speed` verifies with keys of the
  same kind on the same core, just before: the aim is half of what it does, or half of
  the sign-ins with HS256 where those are fewer.
- **User**: an authenticated GET of one user, spread over 1,000 of 10,000 users,
  by one session.
  Nothing is written meanwhile, so most answers are those kept with the caller
  (docs/architecture.md); where something is written between two reads each is
  made anew, at about half this rate.
- **Verification**: one thread, no network: the same tokens through a bare loop
  (split, decode, HMAC, parse) and through Easel's parser with all checks.
- **Workbook**: the whole process that reads it, pinned to one core; the sample 100
  times in one process (`xmllint --repeat`). xmllint builds a tree; Easel keeps
  what docs/content.md tells.
- **Start**: from the start of the process to the first whole answer of
  serverinfo, asked every 0.2 ms, with 10,000 users, 1,000 projects and 100
  connected apps in the repository; memory one second after that answer.
- **1 GiB**: a .tdsx of one stored entry, sent by curl in 16 blocks of 64 MiB and then
  published, which reads the whole package; all of it durable. Beside it `cp` of the file
  (not synced) and `sha256sum` of it. A download by curl, beside nginx, which serves the
  same file by sendfile.
- **Projects**: a page of 100, as an administrator, out of 1,000 and out of
  1,000,000 projects: the first page, and one in the middle.
- **Users**: first pages of lists of 1,000 and of 1,000,000 users (four roles in
  turn, a full name and a last sign-in each), as an administrator: of one role or
  two by name, of one role by last sign-in, of all by friendly name; and one user by
  a filter on the name, another name each time. Each request has a URI of its own,
  50,000 of them, so that no more than one in fifty is answered out of what is kept
  with the caller. A page far from the first costs a walk along the index to it.

## Repeat

    tools/install-deps.sh bench   # nginx, Glewlwyd, node, oidc-provider
    make bench                    # table on stdout, bench/results.json
    bench/run.py --write          # this page too

`bench/run.py --help` names the options: rounds, seconds, a choice of
candidates. A reference that is not installed is left out and named. The load
generator is `bench/load.c`; nginx answers it as fast as it answers wrk, or
faster, with the core of the server busy and the core of the load not.
"""


def write_page(path, figures, aims, skipped, machine, settings):
    missing = "".join(f"Not measured: {what} ({why}).\n\n" for what, why in skipped)
    with open(path, "w") as out:
        out.write(PAGE.format(
            date=datetime.date.today().isoformat(), skipped=missing,
            aims=markdown_table(AIM_HEAD, [aim.row() for aim in aims]),
            figures=markdown_table(FIGURE_HEAD, [figure.row() for figure in figures]),
            machine=markdown_table(["", ""], [[k, v] for k, v in machine.items()]), **settings))
