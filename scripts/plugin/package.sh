#!/bin/sh
# Makes the archive of the plugin and its manifest for krew, the same bytes each time.
# usage: scripts/plugin/package.sh URL [HOMEPAGE]     URL: where the archive will be
# writes dist/plugin/kubectl-galera.tar.gz and dist/plugin/galera.yaml
set -eu

url=${1:?usage: scripts/plugin/package.sh URL [HOMEPAGE]}
homepage=${2:-${url%/*}}
case $url$homepage in *[!a-zA-Z0-9:/._~%+-]*) printf 'package.sh: %s is no plain address\n' "$url" >&2 && exit 2 ;; esac
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
dist=$root/dist/plugin
mkdir -p "$dist"
archive=$dist/kubectl-galera.tar.gz
part=$archive.part
# The uncompressed archive first: a pipe would hide that tar has failed.
tar --create --file="$part.tar" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' \
    kubectl-galera kubectl_complete-galera -C "$root" LICENSE
gzip --no-name --best --stdout "$part.tar" >"$part"
rm "$part.tar"
mv "$part" "$archive"
sum=$(sha256sum "$archive")
sed -e '/^#/d' -e "s|URI\$|$url|" -e "s|HOMEPAGE\$|$homepage|" -e "s|SHA256\$|${sum%% *}|" galera.yaml >"$dist/galera.yaml.part"
mv "$dist/galera.yaml.part" "$dist/galera.yaml"
printf '%s\n' "$archive" "$dist/galera.yaml"
