#!/bin/sh
# Prepares a fresh Debian machine for the demo and the tests: Debian packages, then a virtual environment.
# usage: scripts/setup.sh demo|images|docs|test|cluster|examples
#   demo      everything that the demo needs
#   images    everything that building the images needs
#   docs      everything that building the site of the documents needs
#   test      everything that the tests need (default)
#   cluster   the same, and everything for a Kubernetes on this machine
#   examples  the same as test, and the large servers of manifests/examples
# PYTHON names the interpreter for the virtual environment (default: python3); VENV names its folder (default: .venv).
set -eu

cd "$(dirname "$0")/.."
what=${1:-test}
venv=${VENV:-.venv}
python=${PYTHON:-python3}

say() { printf '== %s\n' "$*"; }

# Debian's server package has mariadbd, mariadb-install-db and the wsrep_sst_* scripts; galera-4 is the provider; rsync
# is the SST method.
lab="mariadb-server galera-4 rsync socat procps iproute2"
# buildah builds the images on runc, skopeo writes their archives, mmdebstrap makes a base where no registry answers.
images="git buildah runc skopeo mmdebstrap"
# For state transfers by mariabackup, and TLS; a compiler for the library that fakes wrong clocks and bad disks.
tests="mariadb-backup openssl galera-arbitrator-4 gcc libc6-dev"
# Real name servers and proxies; podman runs the images, docker-registry is the registry of a test.
tests="$tests knot knot-dnsutils haproxy podman docker-registry"
# restic sends backups; its storage is built from the Go module proxy.
tests="$tests restic"
# promtool tests the alerts, zsh and fish complete our commands, groff reads the manual page, busybox is another sh.
tests="$tests prometheus zsh fish groff-base busybox-static"
# The servers of manifests/examples, which run in bubblewrap.
tests="$tests bubblewrap etcd-server etcd-client redis-server"

case $what in
demo)
    packages=$lab
    # A series of MariaDB that this Debian does not have is fetched from the archive of another one.
    [ -z "${SERIES:-}" ] || packages="$packages mmdebstrap"
    ;;
images) packages=$images ;;
docs) packages="" ;;
test) packages="$lab $images $tests" ;;
cluster) packages="$lab $images $tests containerd containernetworking-plugins iptables ipset" ;;
# 190 MB more to fetch: Java with its window libraries, and Erlang.
examples) packages="$lab $images $tests zookeeper default-jre-headless rabbitmq-server" ;;
*)
    printf 'unknown: %s; use demo, images, docs, test, cluster or examples\n' "$what" >&2
    exit 2
    ;;
esac

missing=""
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
# In Debian, venv is a package of its own: without its ensurepip, a virtual environment has no pip.
"$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"

if [ -n "$missing" ]; then
    install="apt-get install -y --no-install-recommends$missing"
    if [ "$(id -u)" != 0 ]; then
        printf 'Debian packages are missing. Run this as root, then try again:\n  apt-get update && %s\n' "$install" >&2
        exit 1
    fi
    say "installing Debian packages:$missing"
    # With exit code 101 of policy-rc.d, the packages start no server of their own on this machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
        trap 'rm -f $policy' EXIT
    fi
    apt-get update -q
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive $install
fi

case $what in
demo) groups="" ;;
images) groups="--group images" ;;
docs) groups="--group docs" ;;
*) groups="--group dev" ;;
esac
stamp="$venv/.set-up-for-$what"
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    say "virtual environment in $venv with $("$python" --version)"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
    # shellcheck disable=SC2086  # a list of words
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable . $groups
    touch "$stamp"
fi
