#!/bin/sh
# The hook of peer-finder before the server starts: it writes /config/redis.conf, and for an empty volume it finds out
# what the node must become.  Until the node is a member, /data/redis/start contains it: "first" or "later".
set -eu

if [ "${POD_NAME##*-}" -ge "$REPLICAS" ]; then
    echo "redis hook: REPLICAS=$REPLICAS does not expect $POD_NAME: this example cannot scale" >&2
    exit 1
fi

cat >/config/redis.conf.new <<END
include /hooks/redis.conf
cluster-announce-ip $POD_IP
cluster-announce-hostname $PEERFINDER_SELF
END
mv /config/redis.conf.new /config/redis.conf

found=$(peer-finder witness first-start --mark=/data/first-start --sign=/data/redis/nodes.conf)
[ "$found" != data ] || exit 0

mkdir -p /data/redis
for left in /data/redis/*; do
    case $left in */start | */start.new | '/data/redis/*') continue ;; esac
    # Redis would claim the slots of the keys in this file.
    echo "redis hook: no nodes.conf beside $left: restore this volume, or delete /data/redis to give up its data" >&2
    exit 1
done
# The file exists with its content, or not at all, also after a power cut.
echo "$found" >/data/redis/start.new
sync /data/redis/start.new
mv /data/redis/start.new /data/redis/start
sync /data/redis /data
