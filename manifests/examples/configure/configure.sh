#!/bin/sh
# The hook of peer-finder: the members' names on stdin, a configuration in the shared volume.
set -eu

{
    echo 'upstreams:'
    while read -r peer; do
        echo "  - $peer:3306"
    done
} >/config/upstreams.new
# Whole or not at all: whoever reads it never sees a half.
mv /config/upstreams.new /config/upstreams.yaml
