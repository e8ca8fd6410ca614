"""GDAL's driver ESRIJSON, which pages by itself, through pyogrio's Arrow stream into Parquet.

    python gdal.py <layer URL> <out.parquet>
"""

import sys
import warnings

import pyarrow
import pyarrow.parquet
import pyogrio
import pyogrio.raw


def main():
    url, out = sys.argv[1:]
    warnings.simplefilter("ignore")
    address = f"ESRIJSON:{url}/query?where=1%3D1&outFields=*&orderByFields=OBJECTID+ASC&f=json"
    with pyogrio.raw.open_arrow(address, FEATURE_SERVER_PAGING="YES") as (_, stream):
        reader = pyarrow.RecordBatchReader.from_stream(stream)
        with pyarrow.parquet.ParquetWriter(out, reader.schema, compression="zstd", compression_level=3) as writer:
            for batch in reader:
                writer.write_batch(batch)


if __name__ == "__main__":
    main()
