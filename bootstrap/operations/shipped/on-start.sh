#!/bin/sh
# Manifests of 2016 and 2017 call a hook of this name, with the peers on stdin. Their pods have no agent, so it decides
# nothing: it writes my-galera.cnf. The decision is made when the server's container calls `galera-bootstrap start`. If
# the pod has no agent, the server image's entrypoint starts one for it.
case $0 in
    */*) tools=${0%/*} ;;
    *) tools=. ;;
esac
exec "$tools/galera-bootstrap" on-change
