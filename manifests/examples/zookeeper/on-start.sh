#!/bin/sh
# The hook of peer-finder: writes /config/zoo.cfg and the member's number, and decides whether an empty volume may take
# part in the election.  The list of members comes from REPLICAS, never from DNS.
#
#   data on the volume              nothing to decide
#   empty, and so are all others    the first start: permission by the file `initialize`, which the server uses up
#   empty, and another has data     no permission: the server gets all data from a leader before it has a vote
set -eu

domain=${PEERFINDER_SELF#*.}
set=${POD_NAME%-*}
own=${POD_NAME##*-}
data=/data/zookeeper

if [ "$own" -ge "$REPLICAS" ]; then
    echo "zookeeper hook: REPLICAS=$REPLICAS does not expect $POD_NAME: set REPLICAS to the number of replicas" >&2
    exit 1
fi

# Look at the volume before anything is written to it.
found=$(peer-finder witness first-start --mark=/data/first-start --sign="$data/version-2")
mkdir -p "$data"
# Counted from 1.
echo "$((own + 1))" >"$data/myid"
{
    cat <<END
dataDir=$data
clientPort=2181
tickTime=2000
initLimit=10
syncLimit=5
standaloneEnabled=false
admin.enableServer=false
4lw.commands.whitelist=srvr
autopurge.purgeInterval=24
END
    number=0
    while [ "$number" -lt "$REPLICAS" ]; do
        echo "server.$((number + 1))=$set-$number.$domain:2888:3888"
        number=$((number + 1))
    done
} >/config/zoo.cfg.new
mv /config/zoo.cfg.new /config/zoo.cfg

if [ "$found" = first ]; then
    : >"$data/initialize"
    sync "$data/initialize" "$data"
fi
