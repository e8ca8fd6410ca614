"""Suite `nightly`: the jobs of docs/operations.md, night after night, while the service is edited and fails.

    python nightly.py <arcgis> <nightly_service> <repository> <work folder> <tally.json> <module>

The scripts are those of the page, word for word. What they leave is compared with what the service says, asked here
without any code of the exporter: rows by pages of JSON, sums and counts by its own statistics.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

import pystac
import pystac.validation

import readers
import server
import source
from run import Run
from tally import Tally

NUMBERS = {f"esriFieldType{kind}" for kind in ("SmallInteger", "Integer", "BigInteger", "Single", "Double")}


class Service:
    """The service: edited and disturbed by lines to its process, and asked over HTTP as anybody may."""

    def __init__(self, process, about):
        self.process, self.about = process, about

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the service has ended over {command}")
        return json.loads(line)

    def ask(self, url, **parameters):
        form = {"f": "json", "token": self.token(), **parameters}
        return post(url, form)

    def token(self):
        form = {"f": "json", "username": self.about["user"], "password": self.about["password"]}
        # Of this moment: they do not live long.
        return post(self.about["tokens"], {**form, "client": "referer", "referer": REFERER})["token"]

    def layers(self):
        """Every layer and table, as its own description says."""
        listed = self.ask(self.about["service"])
        for entry in [*listed["layers"], *listed["tables"]]:
            url = f"{self.about['service']}/{entry['id']}"
            yield url, self.ask(url)

    def rows(self, url, page=500):
        """All rows as Esri JSON, in the order of their object ids."""
        rows = []
        while True:
            answer = self.ask(
                f"{url}/query", where="1=1", outFields="*", orderByFields="OBJECTID",
                resultOffset=len(rows), resultRecordCount=page,
            )
            rows += answer["features"]
            if not answer.get("exceededTransferLimit"):
                return rows

    def statistics(self, url, fields):
        """The count of rows, and how many values and which sum each of these fields has."""
        wanted = [
            {"statisticType": kind, "onStatisticField": field, "outStatisticFieldName": f"{kind}_{at}"}
            for at, field in enumerate(fields)
            for kind in ("count", "sum")
        ]
        count = self.ask(f"{url}/query", where="1=1", returnCountOnly="true")["count"]
        if not fields:
            return count, {}
        found = self.ask(f"{url}/query", where="1=1", outStatistics=json.dumps(wanted))
        found = found["features"][0]["attributes"]
        return count, {field: (found[f"count_{at}"], found[f"sum_{at}"]) for at, field in enumerate(fields)}


REFERER = "https://nightly.example"


def post(url, form):
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), {"Referer": REFERER})
    with urllib.request.urlopen(request, timeout=60) as answer:
        said = json.load(answer)
    if "error" in said:
        raise RuntimeError(f"{url}: {said['error']}")
    return said


class Job:
    """A script of the page, in a folder of its own."""

    def __init__(self, run, service, heading, variables):
        self.run, self.service = run, service
        page = (run.repository / "docs/operations.md").read_text(encoding="utf-8")
        section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        script = re.search(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[1]
        name = re.sub(r"\W+", "-", heading.lower())
        self.folder = run.folder("nightly") / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.script = run.folder("nightly") / f"{name}.sh"
        self.script.write_text(script, encoding="utf-8")
        self.script.chmod(0o700)
        self.variables = {**variables, "FOLDER": str(self.folder)}

    def night(self, login, rate="1000"):
        """Runs the script as a timer does, with nothing but what its unit says. Gives the process."""
        self.service.tell(seen=True)
        environment = {
            "PATH": f"{self.run.arcgis.parent}:/usr/bin:/bin",
            "HOME": str(self.run.folder("nightly")),
            "ARCGIS_RATE": rate,
            "ARCGIS_RETRIES": "4",
            **self.variables,
            **login,
        }
        ran = subprocess.run(
            [self.script], cwd="/", env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=600,
        )
        ran.seen = self.service.tell(seen=True)
        ran.report = None
        report = self.folder / "report.json"
        if report.exists() and report.stat().st_size:
            ran.report = json.loads(report.read_text(encoding="utf-8"))
        return ran


def measured(tally, what, ran):
    """The numbers in the report are those that the service has counted."""
    client = ran.report["client"]
    got = {name: client[name] for name in ("requests", "wire_bytes", "tokens")}
    seen = ran.seen
    tally.equal("report", f"{what}: client", got, {
        "requests": seen["requests"], "wire_bytes": seen["bytes"], "tokens": seen["mints"],
    })
    tally.equal("report", f"{what}: outcomes", sum(client["outcomes"].values()), seen["requests"])
    return client


def ended(tally, what, ran, code, says=""):
    """The exit code, and that the script says why and no more than it should."""
    said = ran.stdout + ran.stderr
    for name, value in SECRETS.items():
        tally.holds("secrets", f"{what}: {name}", value not in said, "it is in what the job said")
    tally.equal("exit code", what, ran.returncode, code)
    if ran.returncode != code or says not in said:
        tally.complain("exit code", what, f"{says!r} in {said[-1500:]}")
        return False
    return True


def is_whole(tally, what, run, service, layers, connection, known=None, by_gpio=True):
    """Files by address: each is what the service has now."""
    for url, description in service.layers():
        if known is not None and url not in known:
            continue
        name = f"{what}: {description['name']}"
        path = layers.get(url)
        if not tally.holds("service", f"{name} is there", path is not None and path.exists(), f"{layers}"):
            continue
        rows = service.rows(url)
        geometries = None
        if description.get("geometryType"):
            geometries = [source._geometry(row.get("geometry")) for row in rows]
        src = source.Source(
            name=description["name"], fields=description["fields"], rows=rows, geometries=geometries,
            wkid=4326, definition=description, crs="EPSG:4326",
        )
        readers.compare(tally, "pyarrow", name, src, readers.read_pyarrow, path)
        readers.compare(tally, "duckdb", name, src, readers.reader_duckdb(connection), path)
        numbers = {field["name"]: field["type"] for field in src.fields if field["type"] in NUMBERS}
        count, sums = service.statistics(url, list(numbers))
        table = f"read_parquet('{path}')"
        tally.equal("statistics", f"{name}: rows", connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0], count)
        for field, (values, total) in sums.items():
            got = connection.execute(f'SELECT count("{field}"), sum("{field}") FROM {table}').fetchone()
            # The service adds the decimals that it shows, and DuckDB the 32 bits that they stand for.
            tolerance = 1e-6 if numbers[field] == "esriFieldTypeSingle" else 1e-9
            near = got[0] == values and math.isclose(got[1] or 0, total or 0, rel_tol=tolerance)
            tally.holds("statistics", f"{name}.{field}", near, f"{got} is not {(values, total)}")
        if geometries is not None and by_gpio:
            readers.check_gpio(tally, run, name, path, kinds=("all",))


def indexed(folder):
    """The files by the addresses of their layers, as the index says, and the index."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return {layer["url"]: folder / layer["file"] for layer in index["layers"] if "file" in layer}, index


def check_catalog(tally, what, run, folder):
    """The catalog and its items, by gpio and by pystac, and their counts by the index."""
    catalog = folder / "catalog.json"
    items = [folder / link["href"] for link in json.loads(catalog.read_text())["links"] if link["rel"] == "item"]
    environment = {**os.environ, "HOME": str(run.work / "home"), "NO_COLOR": "1", "COLUMNS": "200"}
    gpio = os.path.join(os.path.dirname(sys.executable), "gpio")
    for path in [catalog, *items]:
        said = json.loads(path.read_text(encoding="utf-8"))
        try:
            pystac.validation.validate_dict(said)
            problem = None
        except Exception as error:
            problem = repr(error)
        tally.equal("pystac", f"{what}: {path.name}", problem, None)
        if said["type"] == "Feature" and said["geometry"] is None:
            # STAC forbids the bounding box that gpio asks for, of what has no geometry.
            continue
        done = subprocess.run(
            [gpio, "check", "stac", str(path)], capture_output=True, text=True, env=environment, timeout=120
        )
        text = done.stdout + done.stderr
        failures = [line.strip() for line in text.splitlines() if "❌" in line or "✗" in line]
        clean = done.returncode == 0 and not failures
        tally.holds("gpio", f"check stac {what}: {path.name}", clean, f"exit code {done.returncode}: {text[-600:]}")
    _, index = indexed(folder)
    done = [layer for layer in index["layers"] if layer["status"] == "done"]
    counts = {}
    for item in pystac.Catalog.from_file(str(catalog)).get_items(recursive=True):
        data = item.assets["data"].get_absolute_href()
        counts[os.path.realpath(data)] = item.properties["table:row_count"]
    expected = {os.path.realpath(folder / layer["file"]): layer["rows"] for layer in done}
    tally.equal("pystac", f"{what}: rows of the items", counts, expected)


def edit(service):
    """A day's work: rows come, go, move and have other values, in all layers but one."""
    for n in range(3):
        row = {"attributes": {"name": f"Nightly {n} – ü", "scalerank": n}, "geometry": {"x": 7.5 + n, "y": -3.25}}
        service.tell(insert="places", row=row)
    for row in (10, 20, 30, 40, 50):
        service.tell(update="places", id=row, row={"attributes": {"name": f"Renamed {row}", "scalerank": None}})
    for row in (60, 70):
        service.tell(update="places", id=row, row={"attributes": {}, "geometry": {"x": row / 7, "y": -row / 3}})
    for row in (80, 90, 100, 7322):
        service.tell(delete="places", id=row)
    service.tell(delete="rivers", id=1)
    service.tell(update="rivers", id=2, row={"attributes": {"name": "Nile"}})
    service.tell(insert="visits", row={"attributes": {"country": "CH", "days": 365}})
    service.tell(delete="visits", id=300)
    # How it is found, and what: the last two do not track their changes.
    return {
        "places": ["changes", 3, 7, 4], "rivers": ["changes", 0, 1, 1],
        "countries": ["full", 0, 0, 0], "visits": ["full", 1, 0, 1],
    }


SECRETS = {}


def whole_service(tally, run, service, logins, connection):
    """The job for a service, from its first night on."""
    user, app = logins["user"], logins["app"]
    job = Job(run, service, "A job for a service", {"SERVICE": service.about["service"]})
    crawled = subprocess.run(
        [run.arcgis, "crawl", service.about["service"], "--json"],
        capture_output=True, text=True, timeout=120, env={**os.environ, **user},
    )
    entries = flat([json.loads(crawled.stdout)])
    counted = {entry["url"]: entry["count"] for entry in entries if "count" in entry}
    actual = {url: service.statistics(url, [])[0] for url, _ in service.layers()}
    tally.equal("crawl", "rows of each layer", counted, actual)

    # The first night: pages fail, tokens end in the middle, and all comes all the same.
    service.tell(busy=5)
    service.tell(revoke=4)
    first = job.night(user, rate="8")
    if not ended(tally, "the first night", first, 0):
        return
    client = measured(tally, "the first night", first)
    tally.holds("report", "the first night: 503", client["outcomes"]["transient"] >= 5, f"{client}")
    tally.holds("report", "the first night: tokens", client["tokens"] >= 2, f"{client}")
    tally.holds("report", "the first night: refusals", client["outcomes"]["token_refused"] >= 1, f"{client}")
    tally.holds("report", "the first night: waits", client["queued_seconds"] > 0.5, f"{client}")
    files, index = indexed(find(job.folder))
    tally.equal("index", "all layers are done", {layer["status"] for layer in index["layers"]}, {"done"})
    is_whole(tally, "the first night", run, service, files, connection)
    check_catalog(tally, "the first night", run, find(job.folder))

    # Nothing has happened: nothing is written, and hardly anything asked.
    before = {path: path.stat().st_mtime_ns for path in files.values()}
    quiet = job.night(app)
    if ended(tally, "a quiet night", quiet, 0):
        measured(tally, "a quiet night", quiet)
    after = {path: path.stat().st_mtime_ns for path in files.values()}
    tally.equal("service", "a quiet night: files are left alone", after, before)
    tally.holds("report", "a quiet night: requests", quiet.seen["requests"] < first.seen["requests"], f"{quiet.seen}")

    # A day's edits, the application's login, and pages that fail.
    edits = edit(service)
    service.tell(busy=5)
    busy = job.night(app, rate="8")
    if ended(tally, "after a day's work", busy, 0):
        client = measured(tally, "after a day's work", busy)
        tally.holds("report", "after a day's work: 503", client["outcomes"]["transient"] >= 5, f"{client}")
        synced = {layer["name"]: layer["sync"] for layer in busy.report["layers"]}
        for name, expected in edits.items():
            got = [synced[name]["way"], *(synced[name][f"{kind}_rows"] for kind in ("added", "changed", "deleted"))]
            tally.equal("sync", f"after a day's work: {name}", got, expected)
        files, _ = indexed(find(job.folder))
        is_whole(tally, "after a day's work", run, service, files, connection, by_gpio=False)
        check_catalog(tally, "after a day's work", run, find(job.folder))
        left = files[f"{service.about['service']}/2"]
        tally.equal("service", "countries are left alone", left.stat().st_mtime_ns, before[left])

    # The service is down, a login is wrong, rows are lost: each has its code, and last night's files stay.
    kept = {path: path.read_bytes() for path in files.values()}
    service.tell(update="rivers", id=3, row={"attributes": {"name": "Amazon"}})
    service.tell(down=True)
    ended(tally, "a night when the service is down", job.night(app), 4, "the service or the network")
    service.tell(down=False)
    wrong = {**user, "ARCGIS_PASSWORD": SECRETS["wrong password"]}
    ended(tally, "a night with a wrong password", job.night(wrong), 3, "the login")
    service.tell(lossy="rivers")
    ended(tally, "a night when a row is lost", job.night(app), 5, "missing or doubled")
    service.tell(lossy=None)
    for path, bytes_before in kept.items():
        tally.equal("service", f"after bad nights: {path.name} is last night's", path.read_bytes() == bytes_before, True)
    good = job.night(user)
    if ended(tally, "the night after", good, 0):
        files, index = indexed(find(job.folder))
        tally.equal("index", "all are done again", {layer["status"] for layer in index["layers"]}, {"done"})
        is_whole(tally, "the night after", run, service, files, connection)
        check_catalog(tally, "the night after", run, find(job.folder))


def one_layer(tally, run, service, logins, connection):
    """The job for one layer: an export, and from then on what has changed."""
    url = f"{service.about['service']}/0"
    job = Job(run, service, "A job for one layer", {"LAYER": url})
    # A night that ends too early, with what came kept for the next.
    service.tell(down=True)
    ended(tally, "a first night when the service is down", job.night(logins["app"]), 4)
    service.tell(down=False)
    first = job.night(logins["app"])
    if not ended(tally, "the first night of a layer", first, 0):
        return
    measured(tally, "the first night of a layer", first)
    [path] = [path for path in job.folder.iterdir() if path.suffix == ".parquet"]
    is_whole(tally, "the first night of a layer", run, service, {url: path}, connection, known=[url])
    for row, change in ((11, "Anew"), (21, "Again")):
        service.tell(update="places", id=row, row={"attributes": {"name": change}})
    service.tell(delete="places", id=31)
    service.tell(insert="places", row={"attributes": {"name": "Last"}, "geometry": {"x": 0, "y": 0}})
    service.tell(busy=2)
    ran = job.night(logins["user"])
    if ended(tally, "a layer after a day's work", ran, 0):
        measured(tally, "a layer after a day's work", ran)
        changes = {name: ran.report[f"{name}_rows"] for name in ("added", "changed", "deleted")}
        tally.equal("sync", "what has changed", changes, {"added": 1, "changed": 2, "deleted": 1})
        tally.equal("sync", "how it was found", ran.report["way"], "changes")
        is_whole(tally, "a layer after a day's work", run, service, {url: path}, connection, known=[url])
    quiet = job.night(logins["app"])
    ended(tally, "a layer on a quiet night", quiet, 0)
    tally.equal("sync", "nothing is written", quiet.report["written"], False)


def dataset(tally, run, service, logins, connection):
    """The job for a layer in several files: rows that change go to the folder of their new value, and folders come and go."""
    url, by = f"{service.about['service']}/0", "scalerank"
    job = Job(run, service, "A job for a large layer in several files", {"LAYER": url, "BY": by})
    service.tell(busy=3)
    first = job.night(logins["app"])
    if not ended(tally, "the first night of a dataset", first, 0):
        return
    measured(tally, "the first night of a dataset", first)
    folder = job.folder / "layer"
    is_whole_dataset(tally, "the first night of a dataset", service, folder, connection, url, by)
    # Two rows to a folder that is new, one to that of null, and all of a folder to another one.
    ranks = {row["attributes"]["OBJECTID"]: row["attributes"][by] for row in service.rows(url)}
    rarest, *_, commonest = sorted(set(ranks.values()) - {None}, key=list(ranks.values()).count)
    moved = [row for row, rank in ranks.items() if rank == rarest]
    others = [row for row in ranks if row not in moved][100:104]
    changes = {row: {by: commonest} for row in moved} | dict(zip(others, [{by: 777}, {by: 777}, {by: None}, {"name": "Ø/ø"}]))
    for row, change in changes.items():
        service.tell(update="places", id=row, row={"attributes": change})
    service.tell(delete="places", id=41)
    service.tell(insert="places", row={"attributes": {"name": "Newest", by: 777}, "geometry": {"x": 1.5, "y": 2.5}})
    service.tell(busy=2)
    ran = job.night(logins["user"])
    if ended(tally, "a dataset after a day's work", ran, 0):
        measured(tally, "a dataset after a day's work", ran)
        got = {name: ran.report[f"{name}_rows"] for name in ("added", "changed", "deleted", "fetched")}
        expected = {"added": 1, "changed": len(changes), "deleted": 1, "fetched": len(changes) + 1}
        tally.equal("sync", "what has changed in a dataset", got, expected)
        tally.equal("sync", "how it was found in a dataset", ran.report["way"], "changes")
        is_whole_dataset(tally, "a dataset after a day's work", service, folder, connection, url, by)
        folders = {path.name for path in folder.iterdir() if path.is_dir()}
        tally.holds("sync", "the new folder is there", f"{by}=777" in folders, f"{folders}")
        tally.holds("sync", "the folder that nobody is in is gone", f"{by}={rarest}" not in folders, f"{folders}")
    # Rows are lost: the dataset stays. Nothing happens: it is left alone.
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    service.tell(update="places", id=others[0], row={"attributes": {by: 5}})
    service.tell(down=True)
    ended(tally, "a dataset when the service is down", job.night(logins["app"]), 4)
    service.tell(down=False)
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    tally.equal("sync", "the dataset is last night's", after == before, True)
    ended(tally, "a dataset the night after", job.night(logins["app"]), 0)
    is_whole_dataset(tally, "a dataset the night after", service, folder, connection, url, by)
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    quiet = job.night(logins["app"])
    ended(tally, "a dataset on a quiet night", quiet, 0)
    tally.equal("sync", "nothing is written to a dataset", quiet.report["written"], False)
    after = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    tally.equal("sync", "the dataset is left alone", after, before)
    left = sorted(path.name for path in job.folder.iterdir())
    tally.equal("sync", "nothing is beside the dataset", left, ["layer", "report.json"])


def is_whole_dataset(tally, what, service, folder, connection, url, by):
    """A folder of files is what the service has now, and each row is in the folder of its value."""
    description = service.ask(url)
    rows = service.rows(url)
    geometries = [source._geometry(row.get("geometry")) for row in rows]
    src = source.Source(
        name=description["name"], fields=description["fields"], rows=rows, geometries=geometries,
        wkid=4326, definition=description, crs="EPSG:4326",
    )
    files = f"{folder}/**/*.parquet"
    read = readers.reader_duckdb(connection, ", hive_partitioning = false")
    readers.compare(tally, "duckdb", what, src, read, files)
    table = f"read_parquet('{files}', hive_partitioning = false, filename = true)"
    places = connection.execute(f'SELECT DISTINCT "{by}", parse_path(filename)[-2] FROM {table}').fetchall()
    expected = {f"{by}=__HIVE_DEFAULT_PARTITION__" if value is None else f"{by}={value}" for value, _ in places}
    tally.equal("duckdb", f"{what}: folders", {name for _, name in places}, expected)
    tally.equal("duckdb", f"{what}: a folder for each value", len(places), len(expected))
    index = json.loads((folder / "_index.json").read_text(encoding="utf-8"))
    there = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*.parquet")}
    tally.equal("index", f"{what}: files", {file["file"]: file["bytes"] for file in index["files"]}, there)
    tally.equal("index", f"{what}: rows", [index["rows"], sum(file["rows"] for file in index["files"])], [len(rows)] * 2)
    count, sums = service.statistics(url, [by])
    got = connection.execute(f'SELECT count(*), count("{by}"), sum("{by}") FROM {table}').fetchone()
    tally.equal("statistics", f"{what}: {by}", got, (count, *sums[by]))


def flat(said):
    """Whatever the shape of what is said, all its objects."""
    for entry in said:
        if isinstance(entry, list):
            yield from flat(entry)
        elif isinstance(entry, dict):
            yield entry
            yield from flat(list(entry.values()))


def find(folder):
    """The folder with the index."""
    [index] = folder.rglob("index.json")
    return index.parent


def main():
    run = Run.of(sys.argv[1:])
    tally = Tally()
    connection = readers.connect_duckdb(run.work)
    with server.process([run.service, run.demo_data]) as (process, about):
        service = Service(process, about)
        logins = {
            "user": {
                "ARCGIS_USER": about["user"], "ARCGIS_PASSWORD": about["password"], "ARCGIS_PORTAL": about["server"],
            },
            "app": {
                "ARCGIS_CLIENT_ID": about["client_id"], "ARCGIS_CLIENT_SECRET": about["client_secret"],
                "ARCGIS_PORTAL": about["portal"],
            },
        }
        SECRETS.update({
            "password": about["password"], "client secret": about["client_secret"], "wrong password": "not-th3-m00n",
        })
        whole_service(tally, run, service, logins, connection)
        one_layer(tally, run, service, logins, connection)
        dataset(tally, run, service, logins, connection)
    tally.close(run.tally)


if __name__ == "__main__":
    main()
