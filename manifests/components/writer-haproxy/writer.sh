#!/bin/sh
# The hook of peer-finder: it gets the members' names on stdin, and configures HAProxy with them.
# There are nine places from the beginning; a member that comes or goes opens or closes its place in the running HAProxy.
# HAProxy is reloaded only for more members, or for another template.  The file is for the next start; it is checked
# before it is used, and replaced as a whole.  After an error the old file is still there, and in use.
# usage: writer.sh [TEMPLATE [FOLDER]]
# PROXIES says where each proxy listens for the others, by ordinal: "HOST:PORT ..."; POD_NAME ends with an ordinal.
set -eu

template=${1:-/etc/haproxy/writer.cfg}
folder=${2:-/run/haproxy}
master=$folder/master.sock
patience=${PATIENCE:-30}
places=9

fail() {
    echo "writer: $*" >&2
    exit 1
}

# Print the ordinals; refuse every name that cannot be that of a pod of one StatefulSet.
read_members() {
    ordinals=' ' set='' zone=''
    while IFS= read -r peer || [ -n "$peer" ]; do
        case $peer in
            *[!a-z0-9.-]* | [!a-z0-9]*) fail "refused: the name of a peer has a character that is not allowed" ;;
        esac
        pod=${peer%%.*}
        ordinal=${pod##*-}
        case $ordinal in
            "$pod" | '' | *[!0-9]* | 0?* | ????*) fail "refused: $peer has no ordinal" ;;
        esac
        [ "${set:-${pod%-*}} ${zone:-${peer#*.}}" = "${pod%-*} ${peer#*.}" ] || fail "refused: $peer belongs to another set"
        set=${pod%-*} zone=${peer#*.}
        ordinals="$ordinals$ordinal "
        [ "$ordinal" -lt "$places" ] || places=$((ordinal + 1))
    done
    [ -n "$set" ] || fail "refused: no members"
}

is_member() {
    case $ordinals in *" $1 "*) ;; *) return 1 ;; esac
}

# HAProxy takes the first healthy one of those that are `backup`, and no other.  The writer has no `backup`, so it is
# used even before a worker that was just loaded has received the writer.  A number is the same in every proxy and after
# every change, because proxies send each other the writer by it.
servers() {
    for place in $(seq 0 $((places - 1))); do
        line="    server $set-$place $set-$place.$zone:3306 id $((place + 1))"
        [ "$set-$place" = "$writer" ] || line="$line backup"
        if is_member "$place"; then echo "$line"; else echo "$line disabled"; fi
    done
}

# All proxies; the own one must have no address.
proxies() {
    printf 'peers proxies\n    bind "%s:10000"\n' "\${POD_IP}"
    number=0
    for where in $PROXIES; do
        proxy=${POD_NAME%-*}-$number
        if [ "$proxy" = "$POD_NAME" ]; then echo "    server $proxy"; else echo "    server $proxy $where"; fi
        number=$((number + 1))
    done
}

# Send commands to HAProxy's master; with `@1`, to the worker that takes connections.
ask() { echo "$1" | socat -t 5 - "UNIX-CONNECT:$master" 2>/dev/null; }

last_writer() { ask '@1 show table writer' | sed -n 's/.*server_key=\([^ ]*\).*/\1/p'; }

in_use() { ask '@1 show info' | grep -qx "description: $1"; }

# A state file is for one reload.  If it stayed, it would close places again when HAProxy is restarted much later.
no_state() { echo 1 >"$folder/servers.state"; }

# Load the file without closing a connection; addresses and health are handed over.  Without them it does not reload: no
# member would have an address at first, and all clients of that moment would be refused.
reload() {
    ask '@1 show servers state' >"$folder/servers.state.new" || return 0
    grep -q ' writer ' "$folder/servers.state.new" || return 0
    mv "$folder/servers.state.new" "$folder/servers.state"
    ask reload >/dev/null || true
}

# Print which places are open: bit 0 of the administrative state means closed.
open_places() { ask '@1 show servers state writer' | awk '$2 == "writer" && $7 % 2 == 0 { printf "%d ", $3 - 1 }'; }

open_and_close() {
    commands='@1'
    for place in $(seq 0 $((places - 1))); do
        if is_member "$place"; then state=ready; else state=maint; fi
        commands="$commands; set server writer/$set-$place state $state"
    done
    ask "$commands" >/dev/null || true
}

read_members
sorted=$(for ordinal in $ordinals; do echo "$ordinal"; done | sort -n | tr '\n' ' ')
count=$(echo "$PROXIES" | wc -w)
case ${POD_NAME##*-} in "$POD_NAME" | '' | *[!0-9]*) fail "refused: POD_NAME $POD_NAME has no ordinal" ;; esac
[ "${POD_NAME##*-}" -lt "$count" ] || fail "$POD_NAME is not in PROXIES ($PROXIES): name all proxies in it"

writer=''
[ ! -S "$master" ] || writer=$(last_writer)
body=$(cat "$template" && servers && echo && proxies)
mark=$(echo "$body" | sed 's/ disabled$//; s/ backup$//' | sha256sum | cut -c 1-16)
new=$folder/haproxy.cfg.new
{
    printf '%s\n\nglobal\n    server-state-file %s\n' "$body" "$folder/servers.state"
    printf '    # Names the configuration in use.\n    description %s\n' "$mark"
} >"$new"
no_state
output=$(haproxy -c -f "$new" 2>&1) ||
    fail "refused, and the old configuration stays in use: $(echo "$output" | sed -n 's/^\[ALERT\][^:]*: //p' | head -n 1)"
mv "$new" "$folder/haproxy.cfg"

# HAProxy starts after the first configuration exists, and its socket exists from then on.
[ -S "$master" ] || exit 0
deadline=$(($(date +%s) + patience))
until in_use "$mark" && [ "$(open_places)" = "$sorted" ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "HAProxy has not loaded the new configuration after $patience s: see its log"
    if in_use "$mark"; then open_and_close; else reload && sleep 1; fi
done
no_state
echo "writer: members $sorted" >&2
