#!/bin/sh
# For a pod whose volume is empty: waits until it is known whether this is the first start, and prints
#
#   first   all members that REPLICAS expects have empty volumes, and all of them know it
#   later   one of them has data: there was a cluster before
#
# Who is silent may have data, so it waits for all, by name.  Two steps, as one that starts is not empty any more:
# each leaves a mark when it has seen all others empty or marked, and starts when all others are marked or have started.
# usage: first-start.sh MARK    in a hook of peer-finder, with POD_NAME and REPLICAS
set -eu

mark=$1
domain=${PEERFINDER_SELF#*.}
set=${POD_NAME%-*}
own=${POD_NAME##*-}

# A line only when there is something new.
said=""
say() {
    [ "$1" = "$said" ] || echo "first-start: $1" >&2
    said=$1
}

# One look at all others: "first", "later", or whom it waits for.
look() {
    step=$1 missing="" number=0
    while [ "$number" -lt "$REPLICAS" ]; do
        pod=$set-$number
        case $([ "$number" = "$own" ] || perl /witness/witness.pl ask "$pod.$domain" || echo silent) in
            data) [ "$step" = 2 ] || { echo later && return; } ;;
            empty) [ "$step" = 1 ] || missing="$missing $pod" ;;
            silent) missing="$missing $pod" ;;
        esac
        number=$((number + 1))
    done
    echo "${missing:-first}"
}

while :; do
    if [ -e "$mark" ]; then step=2; else step=1; fi
    seen=$(look "$step")
    case $step$seen in
        1later) echo later && exit ;;
        2first) echo first && exit ;;
        1first)
            # An ordinal that is not expected is asked by nobody.
            if [ "$own" -lt "$REPLICAS" ]; then : >"$mark" && continue; fi
            say "this volume is empty: waiting for a cluster: REPLICAS=$REPLICAS does not expect $POD_NAME"
            ;;
        1*) say "this volume is empty: waiting for$seen" ;;
        2*) say "all volumes are empty: waiting until they know it, too:$seen" ;;
    esac
    sleep 1
done
