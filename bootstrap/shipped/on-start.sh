#!/bin/sh
# The hook's name in manifests of 2016 and 2017; peers on stdin.
# In a pod with an agent it ends when the server may be started. Without one it only writes my-galera.cnf, and the
# decision is made by `galera-bootstrap start --with-agent`, which the server image's entrypoint runs.
set -eu

tools=${0%/*}
if [ -S "${GALERA_BOOTSTRAP_RUN_DIR:-/run/galera}/agent.sock" ]; then
    exec "$tools/galera-bootstrap" on-start
fi
exec "$tools/galera-bootstrap" on-change
