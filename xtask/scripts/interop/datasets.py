"""Datasets in several files, in the buckets of the suite `destinations`: whole, and as every reader of one file has it."""

import json
import os
import signal
import subprocess
import urllib.parse

import datafusion
import datafusion.object_store
import duckdb
import duckdb_extension_httpfs
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

import server

FOLDER = "data sets/countries"
INDEX = "_index.json"


class Amazon:
    """A bucket by the protocol of S3, and who reads from it."""

    def __init__(self, client, bucket, endpoint):
        self.client, self.bucket, self.endpoint = client, bucket, endpoint

    def keys(self, folder):
        """All that is in a folder, by paths from it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{folder}/")
        found = [there["Key"] for page in pages for there in page.get("Contents", [])]
        return sorted(key.removeprefix(f"{folder}/") for key in found)

    def read(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def put(self, key, content):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def delete(self, key):
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def readers(self):
        return {
            "pyarrow": self.with_pyarrow,
            "DuckDB, every file": self.with_duckdb,
            "DuckDB, by the index": self.with_duckdb_by_index,
            "DataFusion": self.with_datafusion,
        }

    def with_pyarrow(self, folder):
        store = pyarrow.fs.S3FileSystem(
            endpoint_override=self.endpoint, access_key="k", secret_key="s", region="us-east-1")
        return pyarrow.dataset.dataset(f"{self.bucket}/{folder}", filesystem=store).to_table()

    def connected(self):
        connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        folder = os.path.dirname(duckdb_extension_httpfs.__file__)
        for where, _, files in os.walk(folder):
            for file in files:
                if file.endswith(".duckdb_extension"):
                    connection.execute(f"LOAD '{where}/{file}'")
        connection.execute(
            f"""CREATE SECRET (TYPE s3, KEY_ID 'k', SECRET 's', REGION 'us-east-1', USE_SSL false, URL_STYLE 'path',
            ENDPOINT '{self.endpoint.removeprefix("http://")}')""")
        return connection

    def with_duckdb(self, folder):
        files = f"s3://{self.bucket}/{folder}/**/*.parquet"
        return self.connected().execute(f"FROM read_parquet('{files}', hive_partitioning = false)").to_arrow_table()

    def with_duckdb_by_index(self, folder):
        """As docs/partitions.md has it."""
        connection, dataset = self.connected(), f"s3://{self.bucket}/{folder}"
        connection.execute(
            f"""SET VARIABLE files = (
                SELECT list('{dataset}/' || file.file)
                FROM (SELECT unnest(files) AS file FROM read_json('{dataset}/{INDEX}'))
            )""")
        table = connection.execute("FROM read_parquet(getvariable('files'), hive_partitioning = false)")
        return table.to_arrow_table()

    def with_datafusion(self, folder):
        context = datafusion.SessionContext()
        store = datafusion.object_store.AmazonS3(
            bucket_name=self.bucket, region="us-east-1", access_key_id="k", secret_access_key="s",
            endpoint=self.endpoint, allow_http=True)
        context.register_object_store("s3://", store, None)
        context.register_parquet("rows", f"s3://{self.bucket}/{urllib.parse.quote(folder)}/")
        return pyarrow.table(context.sql("SELECT * FROM rows").to_arrow_table())


class Azure:
    """A container, and who reads from it."""

    def __init__(self, container):
        self.container = container

    def keys(self, folder):
        found = self.container.list_blobs(f"{folder}/")
        return sorted(blob.name.removeprefix(f"{folder}/") for blob in found)

    def read(self, key):
        return self.container.download_blob(key).readall()

    def put(self, key, content):
        self.container.upload_blob(key, content)

    def delete(self, key):
        self.container.delete_blob(key)

    def readers(self):
        return {"pyarrow, file by file": self.with_pyarrow}

    def with_pyarrow(self, folder):
        files = [self.read(f"{folder}/{key}") for key in self.keys(folder) if key.endswith(".parquet")]
        return pyarrow.concat_tables(pyarrow.parquet.read_table(pyarrow.BufferReader(file)) for file in files)


def summary(table):
    """Columns and types; the count of the rows, and of every column that has them the values, their sum and their bytes."""
    said = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        kind = column.type
        if pyarrow.types.is_struct(kind):
            said[name] = [round(pyarrow.compute.sum(part).as_py(), 6) for part in column.flatten()]
            continue
        said[name] = [column.null_count]
        if pyarrow.types.is_integer(kind):
            said[name].append(pyarrow.compute.sum(column).as_py())
        elif pyarrow.types.is_floating(kind):
            sum = pyarrow.compute.sum(column).as_py()
            said[name].append(sum if sum is None else round(sum, 6))
        else:
            plain = column.cast(pyarrow.large_binary() if is_bytes(kind) else pyarrow.large_string())
            said[name].append(pyarrow.compute.sum(pyarrow.compute.binary_length(plain)).as_py())
    return table.num_rows, said


def is_bytes(kind):
    return any(of(kind) for of in (
        pyarrow.types.is_binary, pyarrow.types.is_large_binary, pyarrow.types.is_binary_view))


def check(suite, who, scheme, bucket, env, store):
    """What a single file has, whoever reads it, and nothing besides; what is there is refused, replaced, kept fresh."""
    tally = suite.tally
    one = suite.folder / "countries.parquet"
    suite.export("demo:countries", one, "--overwrite")
    expected = summary(pyarrow.parquet.read_table(one))
    to = f"{scheme}://{bucket}/{urllib.parse.quote(FOLDER)}/"
    # Folders of values have names that hold a %.
    by_value, by_place = ["--partition-by", "continent"], ["--partition", "spatial", "--partition-rows", "40"]
    for cut in (by_place, by_value):
        what = f"countries {cut[0]}"
        before = set(store.keys(FOLDER)) - {INDEX}
        done = suite.export("demo:countries", to, *cut, "--overwrite", env=env)
        if not tally.equal(who, f"{what}: exit code", (done.returncode, done.stderr), (0, "")):
            return
        files = indexed(store)
        tally.equal(who, f"{what}: objects", store.keys(FOLDER), sorted([INDEX, *files]))
        tally.equal(who, f"{what}: names of earlier files", before & set(files), set())
        tally.holds(who, f"{what}: several files", len(files) > 5, files)
        for reader, read in store.readers().items():
            try:
                tally.equal(who, f"{what}: read by {reader}", summary(read(FOLDER)), expected)
            except Exception as error:
                tally.complain(who, what, f"{reader} cannot read it: {error!r}")
    there = store.keys(FOLDER)
    done = suite.export("demo:countries", to, *by_value, env=env)
    suite.refused(who, "a dataset, again", done, "exists already")
    done = suite.export("demo:countries", to, *by_value, "--overwrite", "--resume", env=env)
    suite.refused(who, "a dataset with --resume and no --spill", done, "name a folder")
    store.put(f"{FOLDER}/mine.txt", b"mine")
    done = suite.export("demo:countries", to, *by_value, "--overwrite", env=env)
    suite.refused(who, "a dataset beside something else", done, "mine.txt is not one of the files")
    store.delete(f"{FOLDER}/mine.txt")
    tally.equal(who, "a dataset after refusals: objects", store.keys(FOLDER), there)
    fresh(suite, who, f"{scheme}://{bucket}", env, store)


def indexed(store, folder=FOLDER):
    return [file["file"] for file in json.loads(store.read(f"{folder}/{INDEX}"))["files"]]


def fresh(suite, who, root, env, store):
    """A dataset follows a layer that is edited, and is left alone where that is not."""
    tally = suite.tally
    command = [suite.run.service, suite.run.demo_data]
    with server.process(command) as (process, about):
        def tell(**line):
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        login = {
            "ARCGIS_USER": about["user"], "ARCGIS_PASSWORD": about["password"], "ARCGIS_PORTAL": about["server"],
            **env,
        }
        layer, cut = f"{about['service']}/0", ["--partition-by", "scalerank"]
        done = suite.export(layer, f"{root}/fresh/", *cut, env=login)
        if not tally.equal(who, "fresh: exit code", (done.returncode, done.stderr), (0, "")):
            return
        before = store.keys("fresh")
        tell(delete="places", id=17)
        tell(update="places", id=18, row={"attributes": {"scalerank": 99}})
        for written, changes in ((True, (0, 1, 1)), (False, (0, 0, 0))):
            done = suite.arcgis("sync", layer, f"{root}/fresh/", "--json", env=login)
            if not tally.equal(who, "fresh: exit code of a sync", done.returncode, 0):
                tally.complain(who, "fresh", done.stderr)
                return
            said = json.loads(done.stdout)
            tally.equal(who, "fresh: written", (said["written"], said["way"]), (written, "changes"))
            got = tuple(said[f"{what}_rows"] for what in ("added", "changed", "deleted"))
            tally.equal(who, "fresh: changes", got, changes)
        now = store.keys("fresh")
        tally.equal(who, "fresh: objects", now, sorted([INDEX, *indexed(store, "fresh")]))
        tally.equal(who, "fresh: earlier files", set(before) & set(now), {INDEX})
        one = suite.folder / "fresh.parquet"
        suite.export(layer, one, "--overwrite", env=login)
        expected = summary(pyarrow.parquet.read_table(one))
        for reader, read in store.readers().items():
            tally.equal(who, f"fresh: read by {reader}", summary(read("fresh")), expected)


def killed(suite, bucket, env, store):
    """A process that is killed while files appear leaves the earlier dataset by its index, and the next one clears up."""
    tally, to = suite.tally, f"s3://{bucket}/killed/"
    cut = ["--partition-by", "adm0name"]
    done = suite.export("demo:places", to, "--partition", "spatial", "--partition-rows", "2000", env=env)
    tally.equal("S3", "killed: exit code before", done.returncode, 0)
    before = store.keys("killed")
    for end, code in [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 1)]:
        known = set(store.keys("killed"))
        process = subprocess.Popen(
            [str(suite.run.arcgis), "export", "demo:places", to, "--quiet", "--overwrite", *cut],
            env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=server.end_with_parent)
        # Some of what is to appear, beside what an earlier one left.
        while process.poll() is None:
            there = set(store.keys("killed")) - known
            if any(key.endswith(".parquet") for key in there):
                break
        process.send_signal(end)
        _, said = process.communicate(timeout=60)
        if not tally.equal("S3", f"killed by {end.name}: exit code", process.returncode, code):
            tally.complain("S3", f"killed by {end.name}", said)
        tally.equal("S3", f"killed by {end.name}: the index", sorted([INDEX, *indexed(store, "killed")]), before)
        left = set(store.keys("killed")) - set(before)
        if end == signal.SIGKILL:
            notes = [key for key in left if key.startswith("_pending-")]
            tally.equal("S3", "killed: notes", len(notes), 1)
            noted = json.loads(store.read(f"killed/{notes[0]}"))["files"] if notes else []
            tally.equal("S3", "killed: what is not noted", left - set(noted) - set(notes), set())
        table = store.with_duckdb_by_index("killed")
        tally.equal("S3", f"killed by {end.name}: rows by the index", table.num_rows, 7322)
    done = suite.export("demo:places", to, *cut, "--overwrite", env=env)
    tally.equal("S3", "behind killed ones: exit code", (done.returncode, done.stderr), (0, ""))
    files = indexed(store, "killed")
    tally.holds("S3", "behind killed ones: many files", len(files) > 190, len(files))
    tally.equal("S3", "behind killed ones: objects", store.keys("killed"), sorted([INDEX, *files]))
    tally.equal("S3", "behind killed ones: rows", store.with_pyarrow("killed").num_rows, 7322)
