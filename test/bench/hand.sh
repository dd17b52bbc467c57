#!/bin/sh
# The procedure by hand, as people write it into a script: two copies of the application behind one upstream.
#
#   hand.sh full|short ARTIFACT
#
# NGINX_BINARY, PREFIX: the binary and its directory, with configs shop.both, shop.down1 and shop.down2 in PREFIX/hand
# APPS: holds app1 and app2, each with its process in app.pid;  PORT1, PORT2, NODE
set -eu
form=$1 artifact=$2

config() { # config both|down1|down2
  [ "$form" = full ] || return 0
  cp "$PREFIX/hand/shop.$1" "$PREFIX/conf.d/shop.conf"
  "$NGINX_BINARY" -p "$PREFIX" -c "$PREFIX/nginx.conf" -s reload
}

alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }

restart() { # restart app1 PORT: as an init script does, term, then kill after 10 s
  pid=$(cat "$APPS/$1/app.pid")
  kill -TERM "$pid" 2>/dev/null || true
  tries=0
  while alive "$pid"; do
    tries=$((tries + 1))
    [ $tries -le 500 ] || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.02
  done
  (cd "$APPS/$1" && PORT=$2 exec setsid "$NODE" server.mjs </dev/null >>app.log 2>&1) &
  echo $! >"$APPS/$1/app.pid"
  until curl -fs -o /dev/null "http://127.0.0.1:$2/healthz"; do sleep 0.02; done
}

unpack() { tar -xzf "$PREFIX/hand/downloaded.tar.gz" -C "$APPS/$1"; }

config down1                                       # 1, 2: app2 serves all
cp "$artifact" "$PREFIX/hand/downloaded.tar.gz"    # 3: download
unpack app1
restart app1 "$PORT1"
curl -fs -o /dev/null "http://127.0.0.1:$PORT1/login" # 3.5: test it
config down2                                       # 4, 5: app1 serves all, the new version is live
unpack app2                                        # 6
restart app2 "$PORT2"
config both                                        # 7
