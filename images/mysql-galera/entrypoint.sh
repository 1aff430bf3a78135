#!/bin/sh
# The entrypoint of the server image: it starts a server through galera-bootstrap, and runs everything else unchanged.
# It is for pods whose manifest gives only arguments of the server, as one of 2017 does, and for a plain `podman run`.
# It is a shell script, because it only adjusts arguments and then becomes the program; galera-bootstrap makes every
# decision.
set -eu

socket=${GALERA_BOOTSTRAP_RUN_DIR:-/run/galera}/agent.sock
cnf=${GALERA_BOOTSTRAP_CONFIG_DIR:-/etc/mysql}/my-galera.cnf

case ${1:--} in
    -*) set -- mariadbd "$@" ;; # options alone mean the server
esac
case $1 in
    mariadbd | mysqld | */mariadbd | */mysqld) ;;
    *) exec "$@" ;;
esac
for word; do
    case $word in
        -V | --version | -\? | --help) exec "$@" ;; # it prints and ends: there is nothing to wait for
    esac
done

# Only root can run its server as another user; for any other user mariadbd would log a warning at each start.
if [ "$(id -u)" != 0 ]; then
    dropped='' option=''
    for word; do
        shift
        if [ -n "$option" ]; then
            dropped="$option $word" option=''
            continue
        fi
        case $word in
            --user | -u) option=$word ;;
            --user=* | -u*) dropped=$word ;;
            *) set -- "$@" "$word" ;;
        esac
    done
    [ -z "$dropped" ] || echo "entrypoint: dropped $dropped: the server stays uid $(id -u)" >&2
fi

# It must be the first option, and given once; without it the server would run on its own defaults and create a database
# of its own. galera-bootstrap refuses another file.
server=$1 && shift
for word; do
    shift
    [ "$word" = "--defaults-file=$cnf" ] || set -- "$@" "$word"
done
case ${1:-} in
    --defaults-file=*) ;;
    *) set -- "--defaults-file=$cnf" "$@" ;;
esac

# The tools that the pod's `install` container left have the version of the other pods; otherwise use the image's own.
tool=/work-dir/galera-bootstrap
[ -x $tool ] || tool=/opt/galera-tools/galera-bootstrap

# Connecting distinguishes a live agent from the socket that a killed one has left behind.
if [ -S "$socket" ] && socat -u OPEN:/dev/null "UNIX-CONNECT:$socket" 2>/dev/null; then
    exec $tool start -- "$server" "$@"
fi
exec $tool start --with-agent -- "$server" "$@"
