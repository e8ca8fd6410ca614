"""pyesridump as a library (its command sleeps for seconds every few requests), to GeoJSON, a feature a line.

    python pyesridump.py <layer URL> <out.geojsonl>
"""

import json
import sys

import esridump


def main():
    url, out = sys.argv[1:]
    with open(out, "w") as file:
        for feature in esridump.EsriDumper(url, pause_seconds=0, timeout=60):
            file.write(json.dumps(feature))
            file.write("\n")


if __name__ == "__main__":
    main()
