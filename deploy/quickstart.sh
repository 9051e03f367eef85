#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A primary and a replica on this machine, from a fresh clone: installs what is missing, builds, makes development
# certificates, starts both, writes to one and reads from the other, and leaves them running.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${AERO_PRESET:-dev}
bin=$PWD/build/$preset/bin
home=${AERO_QUICKSTART_HOME:-$PWD/build/quickstart}

usage() {
    cat <<TEXT
Usage: deploy/quickstart.sh [start | stop | --help]
start: build, start a primary and a replica in build/quickstart, show that they agree. The default. Run again, it shows
       the pair that is running.
stop:  stop those two and nothing else. Their data stays; start goes on with it.

Ports are 7379 (primary), 7380 (replica) and 7381 (replication) on 127.0.0.1, or the next ones that are free.
AERO_PRESET=release builds that preset instead of dev; AERO_QUICKSTART_HOME=DIR keeps the pair there.
TEXT
}

die() {
    echo "quickstart: $*" >&2
    exit 1
}

say() {
    printf '\n== %s\n' "$*"
}

# pid_of NAME: the running daemon that we started under that name, or nothing. A number that some other process has got
# meanwhile is not ours.
pid_of() {
    local pid
    pid=$(cat "$home/$1.pid" 2>/dev/null) || return 0
    case $(readlink "/proc/$pid/exe" 2>/dev/null) in
    */aerodb-*) ;;
    *) return 0 ;;
    esac
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$home/$1" && echo "$pid"
    return 0
}

stop_daemon() {
    local pid
    pid=$(pid_of "$1")
    if [ -z "$pid" ]; then
        echo "$1: not running"
        rm -f "$home/$1.pid"
        return
    fi
    kill -TERM "$pid"
    for _ in $(seq 300); do
        [ -n "$(pid_of "$1")" ] || break
        sleep 0.1
    done
    [ -z "$(pid_of "$1")" ] || die "$1 (pid $pid) does not stop; see $home/$1.log"
    rm -f "$home/$1.pid"
    echo "$1: stopped (pid $pid)"
}

port_is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Ports are chosen once and kept, so that the commands shown stay true.
choose_ports() {
    if [ ! -f "$home/ports" ]; then
        local port=7379 chosen=()
        while [ ${#chosen[@]} -lt 3 ]; do
            port_is_free $port && chosen+=("$port")
            port=$((port + 1))
        done
        printf 'primary_port=%s\nreplica_port=%s\nreplication_port=%s\n' "${chosen[@]}" >"$home/ports"
    fi
    # shellcheck disable=SC1091
    . "$home/ports"
}

# start_daemon NAME PROGRAM PORT ARGUMENT...
start_daemon() {
    local name=$1 program=$2 port=$3
    shift 3
    if [ -n "$(pid_of "$name")" ]; then
        echo "$name: running already (pid $(pid_of "$name"))"
        return
    fi
    port_is_free "$port" ||
        die "port $port is in use by another program: stop that, or remove $home/ports to have others chosen"
    setsid "$bin/$program" --data "$home/$name" --certs "$home/certs/$name" --port "$port" "$@" \
        </dev/null >>"$home/$name.log" 2>&1 &
    echo $! >"$home/$name.pid"
    echo "$name: started (pid $!), log in $home/$name.log"
    # Until it runs the daemon's program, which may take a while on a busy machine, pid_of does not know it.
    while [ -z "$(pid_of "$name")" ] && kill -0 $! 2>/dev/null; do
        sleep 0.05
    done
}

# wait_for NAME PORT: until the daemon answers there, and not some other program that was quicker.
wait_for() {
    for _ in $(seq 200); do
        [ -n "$(pid_of "$1")" ] || break
        redis-cli -h 127.0.0.1 -p "$2" INFO server 2>/dev/null | tr -d '\r' |
            grep -qx "process_id:$(pid_of "$1")" && return
        sleep 0.1
    done
    tail -n 5 "$home/$1.log" >&2
    die "$1 does not answer on port $2; the end of its log is above"
}

on_primary() {
    redis-cli -h 127.0.0.1 -p "$primary_port" "$@"
}

on_replica() {
    redis-cli -h 127.0.0.1 -p "$replica_port" "$@"
}

show_agreement() {
    local token reached value
    say "write to the primary: SET greeting"
    value="hello from $(date -u +%FT%TZ)"
    on_primary SET greeting "$value"
    token=$(on_primary AERO.LSN)
    echo "its commit is in the state named by the token $token"

    say "wait for it on the replica and read it there"
    # A replica that starts has to hear of this primary's incarnation before it can promise anything about its tokens.
    for _ in $(seq 100); do
        reached=$(on_replica AERO.WAITLSN "$token" 10000 2>&1 || true)
        [ "$reached" != OK ] || break
        sleep 0.2
    done
    echo "AERO.WAITLSN: $reached"
    echo "GET greeting: $(on_replica GET greeting)"
    [ "$(on_replica GET greeting)" = "$value" ] || die "the replica did not get the write; see $home/replica1.log"

    say "the digest of everything each of them holds"
    echo "primary: $(on_primary AERO.DIGEST | tr '\n' ' ')"
    echo "replica: $(on_replica AERO.DIGEST | tr '\n' ' ')"
    [ "$(on_primary AERO.DIGEST)" = "$(on_replica AERO.DIGEST)" ] || die "the digests differ"
    echo "equal."
}

start() {
    say "dependencies"
    deploy/install-dependencies --client
    say "build (preset $preset)"
    mkdir -p "$home"
    cmake --preset "$preset" >"$home/build.log" 2>&1 &&
        cmake --build --preset "$preset" --target aerodb-primary aerodb-replica aeroctl >>"$home/build.log" 2>&1 ||
        { tail -n 40 "$home/build.log"; die "the build failed; all of it is in $home/build.log"; }
    echo "programs are in build/$preset/bin"

    say "certificates"
    if [ -d "$home/certs" ]; then
        echo "$home/certs is there"
    else
        "$bin/aeroctl" certs init "$home/certs" --node primary --node replica1
    fi

    say "the pair"
    choose_ports
    local init=()
    [ -e "$home/primary/manifest" ] || init=(--init)
    start_daemon primary aerodb-primary "$primary_port" --replication-port "$replication_port" \
        --set node_name=primary "${init[@]}"
    wait_for primary "$primary_port"
    start_daemon replica1 aerodb-replica "$replica_port" --primary "127.0.0.1:$replication_port" \
        --set node_name=replica1
    wait_for replica1 "$replica_port"

    show_agreement

    say "how the primary sees itself and its replica"
    "$bin/aeroctl" status --port "$primary_port" | head -n 2
    "$bin/aeroctl" replicas --port "$primary_port"

    local again=deploy/quickstart.sh
    [ -z "${AERO_QUICKSTART_HOME:-}" ] || again="AERO_QUICKSTART_HOME=$(printf %q "$home") $again"
    say "both are running"
    cat <<TEXT
Talk to the primary:   redis-cli -p $primary_port
Talk to the replica:   redis-cli -p $replica_port
How they are:          build/$preset/bin/aeroctl status --port $primary_port
Stop them:             $again stop
Begin anew:            $again stop; rm -r $(printf %q "$home")
TEXT
}

case ${1:-start} in
start) start ;;
stop)
    stop_daemon replica1
    stop_daemon primary
    ;;
--help | -h) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
