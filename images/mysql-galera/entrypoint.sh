#!/bin/sh
# The entrypoint of the server image: it starts a server through galera-bootstrap, and runs everything else unchanged.
# It is for pods whose manifest gives only arguments of the server, as one of 2017 does, and for a plain `podman run`.
# It is a shell script, because it only adjusts arguments and then becomes the program; galera-bootstrap makes every
# decision.
set -eu

socket=${GALERA_BOOTSTRAP_RUN_DIR:-/run/galera}/agent.sock
cnf=${GALERA_BOOTSTRAP_CONFIG_DIR:-/etc/mysql}/my-galera.cnf

case ${1:--} in
    -*) set -- mariadbd "$@" ;; # only options: they are for the server
esac
case $1 in
    mariadbd | mysqld | */mariadbd | */mysqld) ;;
    *) exec "$@" ;;
esac
for argument; do
    case $argument in
        -V | --version | -\? | --help) exec "$@" ;; # the server prints something and ends, so no decision is needed
    esac
done

# Only root can run its server as another user; for any other user mariadbd would log a warning at each start.
if [ "$(id -u)" != 0 ]; then
    dropped='' option=''
    for argument; do
        shift
        if [ -n "$option" ]; then
            dropped="$option $argument" option=''
            continue
        fi
        case $argument in
            --user | -u) option=$argument ;;
            --user=* | -u*) dropped=$argument ;;
            *) set -- "$@" "$argument" ;;
        esac
    done
    [ -z "$dropped" ] || echo "entrypoint: dropped $dropped: the server stays uid $(id -u)" >&2
fi

# --defaults-file must be the first option, and given once. Without it the server would use its own defaults, and create
# a database of its own. galera-bootstrap refuses another file.
server=$1 && shift
for argument; do
    shift
    [ "$argument" = "--defaults-file=$cnf" ] || set -- "$@" "$argument"
done
case ${1:-} in
    --defaults-file=*) ;;
    *) set -- "--defaults-file=$cnf" "$@" ;;
esac

# Use the tools from the pod's `install` container, because they have the version of the other pods; if there are none,
# use the image's own.
tool=/work-dir/galera-bootstrap
[ -x $tool ] || tool=/opt/galera-tools/galera-bootstrap

# A connection shows whether the agent is alive, or whether a killed agent has left its socket behind.
if [ -S "$socket" ] && socat -u OPEN:/dev/null "UNIX-CONNECT:$socket" 2>/dev/null; then
    exec $tool start -- "$server" "$@"
fi
exec $tool start --with-agent -- "$server" "$@"
