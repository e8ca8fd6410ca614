#!/bin/sh
# Logins in a real keyring daemon. Run it as
#   dbus-run-session -- sh keyring.sh <arcgis> <layer> <portal> <user> <tally> < <file with the password>
# with HOME and ARCGIS_CONFIG_DIR in a folder of its own.
set -eu
arcgis=$1 layer=$2 portal=$3 user=$4 tally=$5
password=$(cat)
checks=0

fail() {
  echo "keyring: $*" >&2
  exit 1
}

# Whether the text $2 is in the output $1.
says() {
  case $1 in *"$2"*) checks=$((checks + 1)) ;; *) fail "\"$2\" is not in: $1" ;; esac
}

# What the daemon itself says it keeps for us: the paths of its items.
kept() {
  dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
    org.freedesktop.Secret.Service.SearchItems dict:string:string:service,arcgis-rs |
    grep -c 'object path' || true
}

login() {
  printf %s "$password" | "$arcgis" login --portal "$portal" --user "$user" --password-stdin "$@"
}

# Without a session bus there is no keyring: the login goes to a file, and that is said.
without=$(unset DBUS_SESSION_BUS_ADDRESS; login)
says "$without" "readable by you alone: no keyring answered"
[ -f "$ARCGIS_CONFIG_DIR/credentials.json" ] || fail "no file was written"
"$arcgis" logout >/dev/null
if (unset DBUS_SESSION_BUS_ADDRESS; login --store keyring >/dev/null 2>&1); then
  fail "a login was kept in a keyring that is not there"
fi
rm -r "$ARCGIS_CONFIG_DIR"

printf throw-away | gnome-keyring-daemon --unlock --components=secrets >/dev/null
[ "$(kept)" = 0 ] || fail "the keyring is not empty"
says "$(login)" "Saved in the system keyring"
[ "$(kept)" = 1 ] || fail "the daemon keeps no login"
[ ! -e "$ARCGIS_CONFIG_DIR/credentials.json" ] || fail "the login is in a file too"
if grep -r -F -- "$password" "$HOME" "$ARCGIS_CONFIG_DIR" >/dev/null; then
  fail "the password is on the disk as it is"
fi
# Processes of their own read it.
[ "$("$arcgis" count "$layer")" -gt 0 ] || fail "no rows"
says "$("$arcgis" config)" "keyring"
[ -n "$("$arcgis" token)" ] || fail "no token"
# Signing in again replaces the login.
login >/dev/null
[ "$(kept)" = 1 ] || fail "the login is there twice"
# Moving to the file takes it out of the keyring, and back.
says "$(login --store file)" "credentials.json"
[ "$(kept)" = 0 ] || fail "the login stayed in the keyring"
login --store keyring >/dev/null
[ "$(kept)" = 1 ] || fail "the login is not back in the keyring"
if grep -F -- "$password" "$ARCGIS_CONFIG_DIR/credentials.json" >/dev/null; then
  fail "the login stayed in the file"
fi

says "$("$arcgis" logout)" "forgotten here"
[ "$(kept)" = 0 ] || fail "the login is still in the keyring"
says "$("$arcgis" logout)" "Nobody was signed in"
code=0
"$arcgis" count "$layer" >/dev/null 2>&1 || code=$?
[ "$code" = 3 ] || fail "exit code $code without a login"
checks=$((checks + 13))
printf '{"comparisons": {"gnome-keyring": %s}}\n' "$checks" >"$tally"
