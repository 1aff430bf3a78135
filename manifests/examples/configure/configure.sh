#!/bin/sh
# The hook of peer-finder: the members' names on stdin, a configuration in the shared volume.
set -eu

folder=${1:-/config}

{
    echo 'upstreams:'
    while read -r peer; do
        echo "  - $peer:3306"
    done
} >"$folder/upstreams.new"
# Whole or not at all: whoever reads it never sees a half.
mv "$folder/upstreams.new" "$folder/upstreams.yaml"
