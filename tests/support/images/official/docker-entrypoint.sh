#!/bin/sh
# The look-alike's entrypoint, by the public rules of the official image: root becomes mysql, it initialises an empty
# datadir with the given password and the files of /docker-entrypoint-initdb.d, and then executes the server.
# The tests do not use it; it is here so that they notice if they do.
set -eu

data=/var/lib/mysql

# usage: say WORD...
say() { printf '%s [Entrypoint]: %s\n' "$(date -Is)" "$*" >&2; }

# usage: root_password    prints it, from MARIADB_ROOT_PASSWORD or from the file that MARIADB_ROOT_PASSWORD_FILE names
root_password() {
    if [ -n "${MARIADB_ROOT_PASSWORD_FILE:-}" ]; then
        cat "$MARIADB_ROOT_PASSWORD_FILE"
    else
        printf '%s' "${MARIADB_ROOT_PASSWORD:-}"
    fi
}

# usage: initialise
initialise() {
    password=$(root_password)
    if [ -z "$password" ]; then
        say "the database is not initialised and MARIADB_ROOT_PASSWORD is not set"
        exit 1
    fi
    say "initialising the database in $data"
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
    quoted=$(printf '%s' "$password" | sed "s/[\\\\']/&&/g")
    {
        printf "FLUSH PRIVILEGES;\nALTER USER 'root'@'localhost' IDENTIFIED BY '%s';\n" "$quoted"
        printf "CREATE USER 'root'@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO 'root'@'%%' WITH GRANT OPTION;\n" "$quoted"
        for file in /docker-entrypoint-initdb.d/*.sql; do
            [ ! -e "$file" ] || cat "$file"
        done
    } | mariadbd --bootstrap --datadir="$data"
    unset password quoted
}

case ${1:-} in
    -*) set -- mariadbd "$@" ;;
esac

if [ "${1:-}" = mariadbd ]; then
    if [ "$(id -u)" = 0 ]; then
        chown -R mysql:mysql "$data" /run/mysqld
        exec gosu mysql "$0" "$@"
    fi
    [ -d "$data/mysql" ] || initialise
    unset MARIADB_ROOT_PASSWORD MARIADB_ROOT_PASSWORD_FILE
fi
exec "$@"
