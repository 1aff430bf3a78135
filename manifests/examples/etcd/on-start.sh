#!/bin/sh
# The hook of peer-finder, with the peers on stdin: decides how this member starts, and writes /config/etcd.yaml.
#
#   data on the volume              start with them; etcd ignores the list of members
#   empty, and so are all others    the first start, with the members that REPLICAS expects
#   empty, and another has data     join under a new id, because the votes on the old disk are not known any more
#
# The sign of data is the log: without it etcd would start under its old id, and could vote a second time on something.
set -eu

domain=${PEERFINDER_SELF#*.}
set=${POD_NAME%-*}

url() { echo "http://$1.$domain:2380"; }

say() { echo "etcd hook: $1" >&2; }

expected() {
    number=0
    while [ "$number" -lt "$REPLICAS" ]; do
        echo "$set-$number"
        number=$((number + 1))
    done
}

# With Perl, because the tool image has neither curl nor etcdctl.
post() { perl /hook/post.pl "$1.$domain" "$2" "$3" || true; }

# name=url,name=url of the members in an answer: the name is the first label of the url's host.
members_in() {
    echo "$1" | grep -o '"peerURLs":\["[^"]*"' | sed 's/.*\["//; s/"$//; s|^http://\([^.]*\)\..*|\1=&|' | sort -u |
        paste -s -d, -
}

# The id of this pod in an answer, if it is listed.
own_id_in() {
    echo "$1" | sed 's/{"ID":/\n&/g' | grep -F "\"$(url "$POD_NAME")\"" | sed 's/^{"ID":"\([0-9]*\)".*/\1/'
}

# Leave and join through another member.  Both are writes, so that member's cluster must have a quorum, and agree.
join() {
    listed=$(post "$1" /v3/cluster/member/list '{}')
    # It must be that member, not another pod that has its address now.
    case $listed in
        *"\"$(url "$1")\""*) ;;
        *) return 1 ;;
    esac
    id=$(own_id_in "$listed") || true
    if [ -n "$id" ]; then
        case $(post "$1" /v3/cluster/member/remove "{\"ID\":\"$id\"}") in
            *'"members":'*) say "$1 has removed member $id, whose volume is lost" ;;
            *) return 1 ;;
        esac
    fi
    members=$(members_in "$(post "$1" /v3/cluster/member/add "{\"peerURLs\":[\"$(url "$POD_NAME")\"]}")")
    [ -n "$members" ] || return 1
    say "joining $members"
    start existing "$members"
}

start() {
    host=$POD_IP
    case $host in *:*) host="[$host]" ;; esac
    cat >/config/etcd.new <<END
name: $POD_NAME
data-dir: /data/etcd
initial-cluster-state: $1
initial-cluster-token: $POD_NAMESPACE-$set
initial-cluster: $2
initial-advertise-peer-urls: $(url "$POD_NAME")
advertise-client-urls: http://$POD_NAME.$domain:2379
listen-peer-urls: http://$host:2380
listen-client-urls: http://$host:2379,http://localhost:2379
logger: zap
# Its default is off when there is a configuration file; it answers the POSTs of this hook.
enable-grpc-gateway: true
END
    mv /config/etcd.new /config/etcd.yaml
    exit 0
}

first=$(for pod in $(expected); do echo "$pod=$(url "$pod")"; done | paste -s -d, -)
peers=$({ expected; sed 's/[.].*//'; } | sort -u)
found=$(peer-finder witness first-start --mark=/data/first-start --sign=/data/etcd/member/wal)
case $found in
    data)
        case $(ls /data/etcd/member/wal) in *.wal*) start existing "$first" ;; esac
        say "/data/etcd/member/wal has no log: restore this volume, or delete /data/etcd to give up its data"
        exit 1
        ;;
    first) say "first start with $first" && start new "$first" ;;
esac
# The new member must not start with the rest of the old member's data.
if [ -e /data/etcd/member ]; then
    aside=/data/without-log-$(date +%s)
    mv /data/etcd "$aside"
    say "/data/etcd has no log: moved to $aside"
fi
say "this volume is empty and another is not: waiting for a cluster that takes $POD_NAME in"
while :; do
    for pod in $peers; do
        [ "$pod" = "$POD_NAME" ] || join "$pod" || true
    done
    sleep 1
done
