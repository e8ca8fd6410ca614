"""Suite `destinations`: what `arcgis` writes into buckets and by PUT is what it writes to a local file, or nothing.

    python destinations.py <arcgis> <nightly_service> <repository> <work folder> <tally.json>

Moto stands in for Amazon S3, Azurite for Azure. Google Cloud Storage takes large objects by the XML interface that it
shares with S3; no emulator in a registry has it, so that Moto stands in for that one too.
"""

import contextlib
import datetime
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import azure.core.exceptions
import azure.storage.blob
import boto3
import duckdb
import duckdb_extension_httpfs
import duckdb_extension_spatial
import pyarrow
import pyarrow.fs
import pyarrow.parquet

import datasets
import server
from run import Run
from tally import Tally

BUCKET = "lake"
ACCOUNT = "devstoreaccount1"
# Azurite's own, in its documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
FORMATS = ["parquet", "arrow", "arrows", "geojson", "geojsonl", "csv", "fgb", "gpkg"]
#: Enough for three parts of 8 MiB as CSV.
ROWS = 150_000


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def listening(command, url, **options):
    """Runs a program until the block ends; it answers at `url` when the block begins."""
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=server.end_with_parent, **options,
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(url, timeout=5).close()
            except urllib.error.HTTPError:
                pass
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended before it listened") from None
                time.sleep(0.1)
                continue
            break
        else:
            raise RuntimeError(f"{command[0]} does not listen")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def without_bearer(port):
    """A way to Moto, which does not understand Google's kind of authorization, with Amazon's in its place: without any
    it lets nobody replace an object."""
    scope = "k/20260101/us-east-1/s3/aws4_request"
    amazons = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kept = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
            kept["authorization"] = amazons
            there = http.client.HTTPConnection("127.0.0.1", port)
            there.request(self.command, self.path, body, kept)
            answer = there.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            length = answer.getheader("content-length") if self.command == "HEAD" else len(content)
            self.send_header("content-length", length or 0)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

        def log_message(self, *arguments):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()


class Destinations:
    def __init__(self, run):
        self.run = run
        self.tally = Tally()
        self.folder = run.folder("destinations")
        self.answer = self.folder / "answer.json"
        self.answer.write_text(answer(), encoding="utf-8")
        self.local = {}
        for extension in FORMATS:
            path = self.folder / f"local.{extension}"
            done = self.convert(path, "--overwrite")
            self.tally.equal("local", f"{extension}: exit code", done.returncode, 0)
            self.local[extension] = hashlib.sha256(path.read_bytes()).hexdigest()

    def arcgis(self, *arguments, env=None, **more):
        return subprocess.run(
            [str(self.run.arcgis), *[str(argument) for argument in arguments]], capture_output=True, text=True,
            timeout=300, env={**os.environ, **(env or {})}, **more,
        )

    def convert(self, out, *options, env=None):
        return self.arcgis("convert", self.answer, out, "--quiet", *options, env=env)

    def export(self, layer, out, *options, env=None):
        return self.arcgis("export", layer, out, "--quiet", *options, env=env)

    def formats(self, who, scheme, env, read):
        """Every format arrives as it is on disk, and what is there is not replaced unasked."""
        for extension in FORMATS:
            key = f"a folder/all.{extension}"
            done = self.convert(f"{scheme}://{BUCKET}/{key.replace(' ', '%20')}", env=env)
            if self.tally.equal(who, f"{extension}: exit code", (done.returncode, done.stderr), (0, "")):
                self.tally.equal(who, f"{extension}: bytes", hashlib.sha256(read(key)).hexdigest(), self.local[extension])
        again = f"{scheme}://{BUCKET}/a%20folder/all.csv"
        done = self.convert(again, env=env)
        self.refused(who, "what exists", done, "exists already")
        done = self.convert(again, "--overwrite", env=env)
        self.tally.equal(who, "overwritten", done.returncode, 0)

    def refused(self, who, what, done, problem):
        """Exit code 6, and one line that says why."""
        self.tally.equal(who, f"{what}: exit code", (done.returncode, done.stdout), (6, ""))
        first = done.stderr.splitlines()[0] if done.stderr else ""
        self.tally.holds(who, f"{what}: message", problem in first and "<" not in first, first)

    def whole_service(self, who, scheme, env, read):
        """A whole service arrives with its index, is found to be up to date, and comes back where it was lost."""
        to = f"{scheme}://{BUCKET}/all%20layers/"
        with server.running([self.run.arcgis, "serve", "--open", "--port", "0", "--json"]) as service:
            url = service["layers"]["places"].rsplit("/", 1)[0]
            done = self.arcgis("export", url, to, "--quiet", "--stac", "--exclude", "rivers", env=env)
            if not self.tally.equal(who, "a service: exit code", (done.returncode, done.stderr), (0, "")):
                return
            index = json.loads(read("all layers/index.json"))
            files = {layer["file"]: layer["rows"] for layer in index["layers"]}
            self.tally.equal(who, "a service: files", files, {"places.parquet": 7322, "countries.parquet": 250})
            for file, rows in files.items():
                there = pyarrow.parquet.read_table(pyarrow.BufferReader(read(f"all layers/{file}")))
                self.tally.equal(who, f"a service: rows of {file}", there.num_rows, rows)
            items = [link["href"] for link in json.loads(read("all layers/catalog.json"))["links"] if link["rel"] == "item"]
            self.tally.equal(who, "a service: items", sorted(items), ["./countries.json", "./places.json"])
            done = self.arcgis("export", url, to, "--quiet", env=env)
            self.refused(who, "a service, again", done, "index.json exists already")
            done = self.arcgis("sync", url, to, "--json", env=env)
            self.tally.equal(who, "a folder brought up to date: exit code", done.returncode, 0)
            ways = {layer["name"]: layer["sync"]["written"] for layer in json.loads(done.stdout)["layers"]}
            self.tally.equal(who, "a folder brought up to date: written", ways, {"places": False, "countries": False})
            layer = service["layers"]["countries"]
            done = self.arcgis("sync", layer, f"{to}countries.parquet", "--json", env=env)
            if self.tally.equal(who, "an object brought up to date: exit code", done.returncode, 0):
                self.tally.equal(who, "an object brought up to date: rows", json.loads(done.stdout)["rows"], 250)

    # Amazon S3 and Google Cloud Storage

    def buckets(self):
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
        with listening(moto, endpoint):
            client = boto3.client(
                "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
            client.create_bucket(Bucket=BUCKET)
            amazon = {
                "AWS_ENDPOINT": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s3cr3t-key",
            }
            self.bucket("S3", "s3", amazon, client, endpoint)
            client.delete_objects(
                Bucket=BUCKET,
                Delete={"Objects": [{"Key": found["Key"]} for found in client.list_objects(Bucket=BUCKET)["Contents"]]})
            # Without `disable_oauth` the machine would be asked for credentials of its own.
            account = {
                "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": "",
            }
            with without_bearer(port) as google_endpoint:
                account["gcs_base_url"] = google_endpoint
                google = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account), "GOOGLE_ALLOW_HTTP": "true"}
                self.bucket("GCS (XML)", "gs", google, client, endpoint)
            self.killed(client, amazon)
            datasets.killed(self, BUCKET, amazon, datasets.Amazon(client, BUCKET, endpoint))
            self.presigned(client)

    def bucket(self, who, scheme, env, client, endpoint):
        self.formats(who, scheme, env, lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        done = self.convert(f"{scheme}://nobodys/x.parquet", env=env)
        self.refused(who, "a bucket that is not there", done, "NoSuchBucket")
        self.no_uploads(who, client, "after all of it")
        done = self.export("demo:places", f"{scheme}://{BUCKET}/places.parquet", env=env)
        path = self.folder / "places.parquet"
        self.export("demo:places", path, "--overwrite")
        if self.tally.equal(who, "places: exit code", (done.returncode, done.stderr), (0, "")):
            store = pyarrow.fs.S3FileSystem(
                endpoint_override=endpoint, access_key="k", secret_key="s", region="us-east-1")
            there = pyarrow.parquet.read_table(f"{BUCKET}/places.parquet", filesystem=store)
            local = pyarrow.parquet.read_table(path)
            self.tally.holds(who, "places: read by pyarrow from the bucket", there.equals(local))
            self.duckdb(who, endpoint, path)
        done = self.export("demo:places", f"{scheme}://{BUCKET}/other.parquet", "--resume", env=env)
        self.refused(who, "--resume without --spill", done, "name a folder")
        self.no_uploads(who, client, "after a refusal")
        self.whole_service(who, scheme, env, lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        self.no_uploads(who, client, "after a whole service")
        datasets.check(self, who, scheme, BUCKET, env, datasets.Amazon(client, BUCKET, endpoint))
        self.no_uploads(who, client, "after datasets in several files")

    def duckdb(self, who, endpoint, path):
        """DuckDB reads from the bucket what it reads from disk, and finds rows by the columns of bounding boxes."""
        connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        for package in (duckdb_extension_httpfs, duckdb_extension_spatial):
            folder = pathlib.Path(package.__file__).parent
            file = next(folder.rglob("*.duckdb_extension"))
            connection.execute(f"LOAD '{file}'")
        connection.execute(
            f"""CREATE SECRET (TYPE s3, KEY_ID 'k', SECRET 's', REGION 'us-east-1', USE_SSL false, URL_STYLE 'path',
            ENDPOINT '{endpoint.removeprefix("http://")}')""")
        question = """SELECT count(*), count(DISTINCT "OBJECTID"), sum(ST_X(geometry)), sum(ST_Y(geometry)),
            count(*) FILTER (bbox.xmin > 5 AND bbox.xmax < 11 AND bbox.ymin > 45 AND bbox.ymax < 48)
            FROM read_parquet(?)"""
        there, local = (
            connection.execute(question, [file]).fetchall() for file in (f"s3://{BUCKET}/places.parquet", str(path)))
        self.tally.equal(who, "places: read by DuckDB from the bucket", there, local)
        self.tally.equal(who, "places: rows that DuckDB finds", there[0][0], pyarrow.parquet.read_metadata(path).num_rows)

    def no_uploads(self, who, client, when):
        uploads = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        self.tally.equal(who, f"open uploads {when}", uploads, [])

    def killed(self, client, env):
        """Told to stop, the command takes back what it began; killed, it leaves no object."""
        slow = ["--page-size", "5", "--concurrency", "1", "--rate", "5", "--format", "json"]
        for end, code in [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGKILL, -signal.SIGKILL)]:
            key = f"killed-{end.name}.parquet"
            process = subprocess.Popen(
                [str(self.run.arcgis), "export", "demo:countries", f"s3://{BUCKET}/{key}", "--quiet", *slow],
                env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                preexec_fn=server.end_with_parent)
            begun = []
            # A busy machine takes a while to begin.
            while key not in begun and process.poll() is None:
                time.sleep(0.2)
                uploads = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
                begun = [upload["Key"] for upload in uploads]
            time.sleep(1)
            self.tally.equal("S3", f"{end.name}: an upload is under way", begun, [key])
            process.send_signal(end)
            _, said = process.communicate(timeout=30)
            if not self.tally.equal("S3", f"{end.name}: exit code", process.returncode, code):
                print(said, file=sys.stderr)
            found = client.list_objects(Bucket=BUCKET, Prefix=key).get("Contents", [])
            self.tally.equal("S3", f"{end.name}: objects", found, [])
            if end != signal.SIGKILL:
                self.no_uploads("S3", client, f"after {end.name}")
        # Only a rule of the bucket removes what a killed process leaves; it is in nobody's way.
        done = self.export("demo:countries", f"s3://{BUCKET}/{key}", env=env)
        self.tally.equal("S3", "after SIGKILL: exit code", (done.returncode, done.stderr), (0, ""))

    # Addresses that are signed for one PUT

    def presigned(self, client):
        key = "signed.parquet"
        url = client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key})
        self.signed("presigned S3", url, lambda: client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def signed(self, who, url, read):
        report = self.folder / "report.json"
        done = self.arcgis("convert", self.answer, url, "--overwrite", "--report", report, "-vv")
        if not self.tally.equal(who, "exit code", done.returncode, 0):
            print(done.stderr, file=sys.stderr)
            return
        content = read()
        self.tally.equal(who, "bytes", hashlib.sha256(content).hexdigest(), self.local["parquet"])
        said = report.read_text(encoding="utf-8")
        self.tally.equal(who, "the report's output", json.loads(said)["output"], url.split("?")[0])
        for part in urllib.parse.urlsplit(url).query.split("&"):
            name, _, value = part.partition("=")
            if len(value) > 12:
                everything = done.stdout + done.stderr + said + content.decode("latin-1")
                self.tally.holds(who, f"{name} is nowhere", value not in everything)

    # Azure

    def azure(self):
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        azurite = self.run.work / "node/node_modules/.bin/azurite-blob"
        here = ["--blobHost", "127.0.0.1", "--blobPort", port, "--location", self.folder / "azurite", "--silent"]
        with listening([azurite, *here, "--skipApiVersionCheck", "--disableTelemetry"], endpoint):
            service = azure.storage.blob.BlobServiceClient(endpoint, credential=KEY)
            container = service.get_container_client(BUCKET)
            with contextlib.suppress(azure.core.exceptions.ResourceExistsError):
                container.create_container()
            for blob in container.list_blobs(include=["uncommittedblobs"]):
                container.delete_blob(blob.name)
            env = {
                "AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{port}",
                "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            }
            who = "Azure"
            self.formats(who, "az", env, lambda key: container.download_blob(key).readall())
            done = self.convert("az://nobodys/x.parquet", env=env)
            self.refused(who, "a container that is not there", done, "ContainerNotFound")
            wrong = {**env, "AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmc="}
            done = self.export("demo:places", f"az://{BUCKET}/x.parquet", env=wrong)
            self.refused(who, "a wrong key", done, "403")
            self.tally.equal(who, "blobs of refusals", [blob.name for blob in container.list_blobs("x")], [])
            done = self.export("demo:places", f"az://{BUCKET}/places.parquet", env=env)
            self.tally.equal(who, "places: exit code", (done.returncode, done.stderr), (0, ""))
            there = pyarrow.parquet.read_table(pyarrow.BufferReader(container.download_blob("places.parquet").readall()))
            local = pyarrow.parquet.read_table(self.folder / "places.parquet")
            self.tally.holds(who, "places: read by pyarrow", there.equals(local))
            self.whole_service(who, "az", env, lambda key: container.download_blob(key).readall())
            datasets.check(self, who, "az", BUCKET, env, datasets.Azure(container))
            key = "signed.parquet"
            signature = azure.storage.blob.generate_blob_sas(
                ACCOUNT, BUCKET, key, account_key=KEY, permission="cw",
                expiry=datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1))
            url = f"{endpoint}/{BUCKET}/{key}?{signature}"
            self.signed("Azure SAS", url, lambda: container.download_blob(key).readall())
            self.refused("Azure SAS", "what exists", self.convert(url), "exists already")


def answer():
    """A saved answer whose file is of several parts."""
    state = 7
    features = []
    for row in range(ROWS):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        name = f"{state:016x}" * 6
        x, y = (state >> 20) % 36000 / 100 - 180, (state >> 40) % 18000 / 100 - 90
        features.append({"attributes": {"OBJECTID": row, "NAME": name}, "geometry": {"x": x, "y": y}})
    return json.dumps({
        "objectIdFieldName": "OBJECTID", "geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "NAME", "type": "esriFieldTypeString"}],
        "features": features,
    })


def main():
    destinations = Destinations(Run.of(sys.argv[1:]))
    destinations.buckets()
    destinations.azure()
    destinations.tally.close(destinations.run.tally)


main()
