#!/bin/sh
# The hook of peer-finder before the server starts: writes /config/redis.conf, and for an empty volume finds out what
# it is to become.  /data/redis/start says it until the node is a member: "first" or "later".
set -eu

if [ "${POD_NAME##*-}" -ge "$REPLICAS" ]; then
    echo "redis hook: REPLICAS=$REPLICAS does not expect $POD_NAME: scaling is not what this example does" >&2
    exit 1
fi

cat >/config/redis.conf.new <<END
include /hooks/redis.conf
cluster-announce-ip $POD_IP
cluster-announce-hostname $PEERFINDER_SELF
END
mv /config/redis.conf.new /config/redis.conf

if [ ! -e /data/redis ]; then
    mkdir -p /data/redis.new
    sh /witness/first-start.sh /data/first-start >/data/redis.new/start
    # There with its content, or not at all, also after a power cut.
    sync /data/redis.new/start /data/redis.new
    mv /data/redis.new /data/redis
fi
