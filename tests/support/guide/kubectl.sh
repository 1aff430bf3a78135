#!/bin/sh
# kubectl of a rehearsal: notes what it is asked for, says what a cluster that is well would say, and fails once.
# REHEARSAL: the folder for its notes; BLOCK: which block is typed; FAIL: "BLOCK.CALL" of the call that fails.
set -eu

input=
for word; do
    case $word in
        # The second one of a pipe is counted after the first one has ended.
        -i | -) input=$(cat) ;;
    esac
done

set -C # a name is taken by one call only
call=1
until true >"$REHEARSAL/$BLOCK.$call.input"; do call=$((call + 1)); done 2>/dev/null
set +C
printf %s "$input" >"$REHEARSAL/$BLOCK.$call.input"
printf '%s\n\0' "$@" >"$REHEARSAL/$BLOCK.$call.words"

failed() { [ "$FAIL" = "$BLOCK.$call" ]; }

case $* in
    *mariadb-dump*)
        cat <<'END'
-- SET GLOBAL gtid_slave_pos='0-1-1';
-- Current Database: `app`
DROP TABLE IF EXISTS `orders`;
ENABLE KEYS
END
        failed || echo '-- Dump completed on a day'
        ;;
    *mariadb-backup*)
        echo files
        failed || echo 'completed OK!' >&2
        ;;
    *' force' | *' adopt') failed || echo 'say: adopt --epoch 5 --accept-loss' ;;
    *jsonpath*) failed || echo b2xk ;; # a name of a node, or "old" in base64
    *' -f -') [ -n "$input" ] || exit 1 ;; # as it does without an object
    *) failed || echo 0-1-1 ;; # what SQL asks for
esac
if failed; then
    echo 'error: the connection to the server was lost' >&2
    exit 1
fi
