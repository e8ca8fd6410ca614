#!/bin/sh
# By the command: a layer into a file, into a dataset in several files and into other formats, all layers of a server into a folder, and
# all of it brought up to date.
#
#     examples/command/keep.sh
#
# It starts the demo service, works on it in a folder of its own, and ends both. `arcgis` is the one on the path, or $ARCGIS.
set -eu
arcgis=${ARCGIS:-arcgis}
folder=$(mktemp -d)
"$arcgis" serve --open --json --port 0 > "$folder/served.json" &
service=$!
trap 'kill "$service" 2>/dev/null || true; rm -rf "$folder"' EXIT
until [ -s "$folder/served.json" ]; do kill -0 "$service"; sleep 0.1; done
served() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$folder/served.json"; }
layer=$(served places)
server=$(served services)
cd "$folder"

echo "# one layer: some of its rows, some of its columns, in two formats"
"$arcgis" count "$layer" --where "pop_max > 1000000"
"$arcgis" export "$layer" cities.parquet --where "pop_max > 1000000" --fields OBJECTID,name,pop_max,adm0name
"$arcgis" export "$layer" cities.geojson --where "pop_max > 1000000" --fields OBJECTID,name,pop_max,adm0name --quiet
"$arcgis" sync "$layer" cities.parquet

echo "# one layer in several files: a folder for each value"
"$arcgis" export "$layer" places/ --partition-by featurecla --quiet
"$arcgis" sync "$layer" places/
ls places

echo "# all layers of a server, what there is and what would be done first"
"$arcgis" crawl "$server"
"$arcgis" export "$server" all/ --plan
"$arcgis" export "$server" all/ --exclude "*countries" --stac --quiet
"$arcgis" sync "$server" all/
find all -type f | sort
