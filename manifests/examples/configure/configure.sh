#!/bin/sh
# The hook of peer-finder: it gets the members' names on stdin, and writes a configuration into the shared volume.
set -eu

folder=${1:-/config}

{
    echo 'upstreams:'
    while read -r peer; do
        echo "  - $peer:3306"
    done
} >"$folder/upstreams.new"
# The file is replaced as a whole, so that no reader ever sees half of it.
mv "$folder/upstreams.new" "$folder/upstreams.yaml"
