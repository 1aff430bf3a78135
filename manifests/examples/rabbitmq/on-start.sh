#!/bin/sh
# The hook of peer-finder: decides which cluster this member belongs to, and writes the configuration.
#
#   data on the volume              nothing to decide: RabbitMQ knows its cluster
#   empty, and so are all others    the first start: ordinal 0 makes the cluster, the others join it
#   empty, and another has data     a running member forgets the lost one; then join it
#
# RabbitMQ by itself starts as a cluster of its own when no peer answers for five seconds; here it retries without
# limit.
set -eu

domain=${PEERFINDER_SELF#*.}
set=${POD_NAME%-*}
own=${POD_NAME##*-}

say() { echo "rabbitmq hook: $1" >&2; }

node() { echo "rabbit@$1.$domain"; }

# The port for clients is open while a member runs.
runs() {
    perl -MIO::Socket::IP -e 'exit !IO::Socket::IP->new(PeerHost => shift, PeerPort => 5672, Timeout => 3)' "$1.$domain"
}

# Make a member forget the node of this pod; fails when it is not certain that the member has done it.
forgets() {
    listed=$(rabbitmqctl --quiet --node "$(node "$1")" cluster_status --formatter json 2>/dev/null) || return 1
    case $listed in
        *"\"$(node "$POD_NAME")\""*)
            rabbitmqctl --quiet --node "$(node "$1")" forget_cluster_node "$(node "$POD_NAME")" >&2 || return 1
            say "$1 has forgotten the node that was on the lost volume"
            ;;
    esac
}

# The pod to join: the first that runs, and does not know this pod's old node.
member_that_forgets() {
    while :; do
        number=0
        while [ "$number" -lt "$REPLICAS" ]; do
            pod=$set-$number
            if [ "$number" != "$own" ] && runs "$pod" && forgets "$pod"; then
                echo "$pod"
                return
            fi
            number=$((number + 1))
        done
        sleep 1
    done
}

write() { cat >"$1.new" && mv "$1.new" "$1"; }

umask 077
write /config/.erlang.cookie </secret/cookie
write /config/rabbitmq-env.conf <<END
NODENAME=$(node "$POD_NAME")
END

found=$(/work-dir/peer-finder witness first-start --mark=/data/first-start --sign=/data/mnesia/schema.DAT)
case $found in
    # Not itself: if its folder were emptied while this pod lives, it would make a cluster of its own.
    data) join=$set-$(((own + 1) % REPLICAS)) ;;
    first) join=$set-0 ;;
    later)
        say "this volume is empty and another is not: waiting for a cluster that takes $POD_NAME in"
        join=$(member_that_forgets)
        ;;
esac

write /config/rabbitmq.conf <<END
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = $(node "$join")
cluster_formation.classic_config.nodes.2 = $(node "$POD_NAME")
cluster_formation.discovery_retry_limit = 1000000000
cluster_formation.discovery_retry_interval = 1000
cluster_partition_handling = pause_minority
END

# Two that start together would wait for each other's lock, so a member that is to join starts only when the other runs.
if [ "$found" != data ] && [ "$join" != "$POD_NAME" ]; then
    say "joining $join"
    until runs "$join"; do sleep 1; done
fi
