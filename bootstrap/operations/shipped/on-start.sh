#!/bin/sh
# The hook's name in manifests of 2016 and 2017; peers on stdin. Their pods have no agent, so nothing is decided here: it
# writes my-galera.cnf, and the decision is made when the server's container calls `galera-bootstrap start`, with an
# agent of its own where the pod has none (the server image's entrypoint does).
case $0 in
    */*) tools=${0%/*} ;;
    *) tools=. ;;
esac
exec "$tools/galera-bootstrap" on-change
