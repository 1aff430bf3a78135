#!/bin/sh
# The hook of peer-finder beside the server, at the start and when an address changes: the peers' addresses on stdin.
#
#   first start of all      each master takes its share of the slots, all meet, each replica follows its partner
#   the volume was lost     the new node follows its partner once that is the master; the old node is forgotten
#   otherwise               the nodes of this cluster that have new addresses are met again
#
# Each step can be repeated, so a kill in the middle leaves nothing undone.  CLUSTER MEET joins two clusters forever: so
# a node is met only if it has the name of the expected pod, or a known id.
set -eu

start=/data/redis/start
domain=${PEERFINDER_SELF#*.}
set=${POD_NAME%-*}
own=${POD_NAME##*-}
# Ordinal N and N+MASTERS are partners; at first the lower one is the master.
masters=$((REPLICAS / 2))
partner=$set-$(((own + masters) % REPLICAS))
addresses=$(cat)

# Print a line only when there is something new.
last_line=""
say() {
    [ "$1" = "$last_line" ] || echo "redis hook: $1" >&2
    last_line=$1
}

# Send a command to a server by address or name; nothing is printed when it does not answer.
ask() {
    host=$1
    shift
    timeout 5 redis-cli -h "$host" "$@" 2>/dev/null </dev/null | tr -d '\r'
}

me() { ask "$POD_IP" "$@"; }

# Print what a pod's node reports about itself: id, address, flags, master, ..., slots.  Nothing if another node answers
# there.
node_of() { ask "$1.$domain" cluster nodes | grep -F myself | grep -E "^[^ ]+ [^ ]+,${1}[.]${domain}[ ,]" || true; }

is_master_with_slots() { echo "$1" | awk '{ exit !($3 ~ /master/ && NF > 8) }'; }

# Whether the node with this line is connected at this address in our own node's table.
is_connected() { me cluster nodes | grep -F "${1%% *} " | grep -qE " ${2%@*}@.* connected( |$)"; }

meet() {
    at=$(echo "$1" | cut -d ' ' -f 2 | cut -d , -f 1)
    [ -z "$at" ] || is_connected "$1" "$at" || me cluster meet "${at%:*}" 6379 >/dev/null
}

# Follow the partner, if it has the data; fails until this is done.
follow() {
    line=$(node_of "$partner")
    is_master_with_slots "$line" || return 1
    meet "$line"
    case $(node_of "$POD_NAME") in
        *"slave ${line%% *} "*) me info replication | grep -q '^master_link_status:up' ;;
        *) me cluster replicate "${line%% *}" >/dev/null && return 1 ;;
    esac
}

is_complete() { [ "$(me cluster info | grep -cE "^(cluster_state:ok|cluster_known_nodes:$REPLICAS)$")" = 2 ]; }

first_start() {
    silent="" number=0
    while [ "$number" -lt "$REPLICAS" ]; do
        line=$(node_of "$set-$number")
        if [ -n "$line" ]; then meet "$line"; else silent="$silent $set-$number"; fi
        number=$((number + 1))
    done
    if [ "$own" -ge "$masters" ]; then
        follow || true
    elif ! is_master_with_slots "$(node_of "$POD_NAME")"; then
        me cluster addslotsrange $((own * 16384 / masters)) $(((own + 1) * 16384 / masters - 1)) >/dev/null
    fi
    if is_complete && { [ "$own" -lt "$masters" ] || follow; }; then return 0; fi
    say "first start: the cluster is not complete yet${silent:+, waiting for$silent}"
    return 1
}

# The ids that this pod had before, in the partner's table: failed, and without a slot.
lost_ids() {
    ask "$partner.$domain" cluster nodes | grep -F ",$POD_NAME.$domain" | grep -vF "${1%% *} " |
        awk '$3 ~ /fail/ && NF == 8 { print $1 }'
}

join() {
    if ! follow; then
        say "this volume was lost: waiting until $partner is the master of the data that were here"
        return 1
    fi
    # Each node must forget it within a minute: a node that still knows it would report it to the others again.
    for id in $(lost_ids "$(node_of "$POD_NAME")"); do
        say "node $id was on the lost volume: making all nodes forget it"
        for at in $(me cluster nodes | grep -F ' connected' | cut -d ' ' -f 2 | cut -d , -f 1); do
            ask "${at%:*}" cluster forget "$id" >/dev/null
        done
    done
    is_complete
}

# Print the nodes that our own node knows by id, but not at this address.
show_addresses() {
    left=""
    for address in $addresses; do
        line=$(ask "$address" cluster nodes | grep -F myself || true)
        id=${line%% *}
        if [ -n "$id" ] && me cluster nodes | grep -q "^$id " && ! is_connected "$line" "$address:6379"; then
            say "node $id now has the address $address"
            meet "$line"
            left=1
        fi
    done
    [ -z "$left" ]
}

until [ -n "$(node_of "$POD_NAME")" ]; do sleep 0.5; done
while [ -e "$start" ]; do
    case $(cat "$start") in
        first) ! first_start || rm "$start" ;;
        later) ! join || rm "$start" ;;
        *) echo "redis hook: $start has neither 'first' nor 'later': check this volume, it may be damaged" >&2 && exit 1 ;;
    esac
    sleep 1
done
for _ in 1 2 3 4 5; do
    show_addresses && exit 0
    sleep 1
done
