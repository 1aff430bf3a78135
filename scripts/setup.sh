#!/bin/sh
# Brings a fresh Debian machine to the point where the demo and the tests run: Debian packages, then a virtual environment.
# usage: scripts/setup.sh demo|test|cluster|examples    (demo: what the demo needs; test: all that the tests need; cluster:
# that, and what a Kubernetes on this machine needs; examples: that of the tests, and the large servers of manifests/examples)
# PYTHON names the interpreter for the virtual environment (default: python3); VENV its folder (default: .venv).
set -eu

cd "$(dirname "$0")/.."
what=${1:-test}
venv=${VENV:-.venv}
python=${PYTHON:-python3}

say() { printf '== %s\n' "$*"; }

# Debian's server package brings mariadbd, mariadb-install-db and the wsrep_sst_* scripts; galera-4 the provider; rsync is the SST method.
packages="mariadb-server galera-4 rsync socat procps iproute2"
# The images are built by buildah and run by podman on runc; docker-registry stands in for a registry in a test.
# State transfers by mariabackup, and TLS; a compiler for the library of wrong clocks and bad disks.
[ "$what" = demo ] || packages="$packages mariadb-backup openssl galera-arbitrator-4 gcc libc6-dev"
[ "$what" = demo ] || packages="$packages knot knot-dnsutils haproxy git buildah podman runc skopeo mmdebstrap docker-registry"
# promtool tries the alerts, zsh and fish complete our commands, groff reads the manual page.
[ "$what" = demo ] || packages="$packages prometheus zsh fish groff-base"
# manifests/examples run with these servers, in bubblewrap.
[ "$what" = demo ] || packages="$packages bubblewrap etcd-server etcd-client redis-server"
# 190 MB more to fetch: Java with what it draws windows with, and Erlang.
[ "$what" != examples ] || packages="$packages zookeeper default-jre-headless rabbitmq-server"

[ "$what" != cluster ] || packages="$packages etcd-server containerd containernetworking-plugins iptables openssl ipset busybox-static"

missing=""
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
# Debian splits venv off python3: without ensurepip a virtual environment has no pip.
"$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"

if [ -n "$missing" ]; then
    install="apt-get install -y --no-install-recommends$missing"
    if [ "$(id -u)" != 0 ]; then
        printf 'Debian packages are missing. Run this as root, then try again:\n  apt-get update && %s\n' "$install" >&2
        exit 1
    fi
    say "installing Debian packages:$missing"
    # policy-rc.d 101: the packages must not start a server of their own on this machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
        trap 'rm -f $policy' EXIT
    fi
    apt-get update -q
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive $install
fi

groups=$([ "$what" = demo ] || echo "--group dev")
stamp="$venv/.set-up-for-$what"
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    say "virtual environment in $venv with $("$python" --version)"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
    # shellcheck disable=SC2086  # a list of words
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable . $groups
    touch "$stamp"
fi
