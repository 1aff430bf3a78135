#!/bin/sh
# Prints what a pod must do; if its volume is empty, it waits until that is known:
#
#   data    SIGN exists: there are data on this volume
#   first   all members that REPLICAS expects have empty volumes, and all of them know it
#   later   one of them has data: there was a cluster before
#
# A member that does not answer may have data, so it waits for all, by name.  It takes two steps, because a member that
# starts is not empty any more: each leaves a mark when it has seen all others empty or marked, and starts when all
# others are marked or have started.  The mark stays until there are data, so a kill in between changes nothing.  Then
# the mark is removed, so a volume that is emptied later is not a first start.
# usage: first-start.sh MARK SIGN    in a hook of peer-finder, with POD_NAME and REPLICAS; fails when it cannot look
set -eu

mark=$1
sign=$2
domain=${PEERFINDER_SELF#*.}
set=${POD_NAME%-*}
own=${POD_NAME##*-}

# Print a line only when there is something new.
last_line=""
say() {
    [ "$1" = "$last_line" ] || echo "first-start: $1" >&2
    last_line=$1
}

# One look at all others: "first", "later", or the names of the members that it waits for.
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
    # Not with the shell's `test`, because that takes every error for absence.
    own_state=$(perl /witness/witness.pl look "$mark" "$sign")
    case $own_state in
        data) echo data && exit ;;
        first) step=2 ;;
        empty) step=1 ;;
    esac
    seen=$(look "$step")
    case $step$seen in
        1later) echo later && exit ;;
        2first) echo first && exit ;;
        1first)
            # No pod asks an ordinal that is not expected.
            if [ "$own" -lt "$REPLICAS" ]; then
                : >"$mark"
                sync "$mark" "${mark%/*}"
                continue
            fi
            say "this volume is empty, and REPLICAS=$REPLICAS does not expect $POD_NAME: waiting for a cluster"
            ;;
        1*) say "this volume is empty: waiting for$seen" ;;
        2*) say "all volumes are empty: waiting until all members know it:$seen" ;;
    esac
    sleep 1
done
