#!/bin/sh
# kubectl of a rehearsal: notes each call, prints what a healthy cluster would print, and fails once.
# REHEARSAL: the folder for its notes; BLOCK: the number of the typed block; FAIL: "BLOCK.CALL" of the call that fails.
set -eu

input=
for argument; do
    case $argument in
        # The second kubectl of a pipe is counted after the first one has ended.
        -i | - | sql) input=$(cat) ;;
    esac
done

set -C # so that only one call gets a number
call=1
until true >"$REHEARSAL/$BLOCK.$call.input"; do call=$((call + 1)); done 2>/dev/null
set +C
printf %s "$input" >"$REHEARSAL/$BLOCK.$call.input"
printf '%s\n\0' "$@" >"$REHEARSAL/$BLOCK.$call.words"

must_fail() { [ "$FAIL" = "$BLOCK.$call" ]; }

case $* in
    *mariadb-dump*)
        cat <<'END'
-- SET GLOBAL gtid_slave_pos='0-1-1';
-- Current Database: `app`
DROP TABLE IF EXISTS `orders`;
ENABLE KEYS
END
        must_fail || echo '-- Dump completed on a day'
        ;;
    *mariadb-backup*)
        echo files
        must_fail || echo 'completed OK!' >&2
        ;;
    'galera force '* | 'galera adopt '*) must_fail || echo 'say: adopt --epoch 5 --accept-loss' ;;
    *jsonpath*) must_fail || echo b2xk ;; # the name of a node, or "old" in base64
    *' -f -') [ -n "$input" ] || exit 1 ;; # as kubectl does without an object
    *) must_fail || echo 0-1-1 ;; # the answer to SQL
esac
if must_fail; then
    echo 'error: the connection to the server was lost' >&2
    exit 1
fi
