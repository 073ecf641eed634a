#!/bin/sh
# Makes the secrets that compose.yaml gives to its containers, in deploy/secrets. What is there stays.
set -eu
folder="${1:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
# The containers' users are not you, so the files are readable; the folder is not.
chmod 700 "$folder"
umask 022

make_secret() {
    [ -s "$folder/$1" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$1"
}

make_secret database-password
make_secret secret-key
make_secret metrics-token
printf 'postgres://wattkeep:%s@postgres:5432/wattkeep' "$(cat "$folder/database-password")" \
    >"$folder/database-url"
echo "The secrets are in $folder. Keep a copy of secret-key with your backups."
