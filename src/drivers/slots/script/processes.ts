import { EXIT } from "../exit-codes.ts";
import { STOP_UNITS, SYSTEMD } from "./systemd.ts";

/**
 * Which processes are the slot's: those with its marker in their environment, wherever they hide; and the
 * session of the application, for those that overwrote their environment with a title. Needs `marker` and
 * `state`.
 */
export const PROCESSES = `
# Processes with exactly the marker: supervisors="pid ..." carriers="pid ...". One look at all of them: each
# match is /proc/PID/environ:VARIABLE=marker, one after the other.
scan() {
  supervisors='' carriers=''
  {
    rest=$(grep -HozxsF -e "GLIDEPATH_SUPERVISOR=$marker" -e "GLIDEPATH_SLOT=$marker" /proc/[0-9]*/environ)
  } 2>/dev/null
  while [ -n "$rest" ]; do
    pid=\${rest#/proc/}
    pid=\${pid%%/*}
    case $rest in
      "/proc/$pid/environ:GLIDEPATH_SLOT=$marker"*)
        carriers="$carriers $pid"
        rest=\${rest#"/proc/$pid/environ:GLIDEPATH_SLOT=$marker"}
        ;;
      "/proc/$pid/environ:GLIDEPATH_SUPERVISOR=$marker"*)
        supervisors="$supervisors $pid"
        rest=\${rest#"/proc/$pid/environ:GLIDEPATH_SUPERVISOR=$marker"}
        ;;
      *)
        echo "grep says of processes: $rest" >&2
        exit ${EXIT.rights}
        ;;
    esac
  done
}

# One process: condition, session, birth. Its name may hold anything, also line breaks.
look() {
  { IFS= read -r line && while ! { case $line in *') '[A-Z]' '*) true ;; *) false ;; esac; }; do
      IFS= read -r more || break
      line=$line$more
    done; } 2>/dev/null <"/proc/$1/stat" || return 1
  # shellcheck disable=SC2086 # fields are wanted
  set -- \${line##*) }
  condition=$1 session=$4
  shift 19
  birth=$1
}

# The application itself, if it is (or is the corpse of) the process that was written down, in this boot.
main() {
  leader=
  [ -f "$state/app.pid" ] && read -r leader started boot <"$state/app.pid" || return 1
  read -r this_boot </proc/sys/kernel/random/boot_id
  [ "$boot" = "$this_boot" ] && look "$leader" && [ "$birth" = "$started" ]
}

# members="pid ...": who lives in the application's session. A hostile name can look like a number of a
# session, so that what grep finds is looked at.
session_members() {
  members=
  main || return 0
  for entry in $(grep -lzsE -- "[)] [A-Za-z] -?[0-9]+ -?[0-9]+ $leader " /proc/[0-9]*/stat); do
    entry=\${entry#/proc/}
    entry=\${entry%/*}
    look "$entry" && [ "$session" = "$leader" ] && [ "$condition" != Z ] && members="$members $entry"
  done
}

# The application that was written down proves it; only where it is gone all processes are looked at.
running() {
  if main && [ "$condition" != Z ]; then return 0; fi
  scan
  [ -z "$supervisors$carriers" ] || return 0
  session_members
  [ -n "$members" ]
}
`;

export const CLOCK = `
# Hundredths of a second since the machine started.
now() {
  read -r up _ </proc/uptime
  centi=1\${up#*.}
  now=$((\${up%.*} * 100 + centi - 100))
}

`;

const STOPPING = `${CLOCK}
# ours = "pid:birth ...": a number alone could be somebody else's by now. The supervisor is held first: it
# would start again what goes; and systemd, were it gone, would end in its own way what it leaves.
gather() {
  scan
  for pid in $supervisors; do kill -s STOP "$pid" 2>/dev/null; done
  session_members
  ours=
  for pid in $carriers $members; do
    look "$pid" && [ "$condition" != Z ] || continue
    case " $ours " in *" $pid:$birth "*) ;; *) ours="$ours $pid:$birth" ;; esac
  done
}

remaining() {
  left=
  for one in $ours; do
    look "\${one%:*}" && [ "$condition" != Z ] && [ "$birth" = "\${one#*:}" ] && left="$left $one"
  done
  ours=$left
}

signal() {
  for one in $2; do kill -s "$1" "\${one%:*}" 2>/dev/null; done
}

# Waits until nothing is left, or until the time. What is left when the application itself has gone is
# asked as well.
wait_gone() {
  limit=$1 polite=$2
  while :; do
    remaining
    if [ -z "$ours" ]; then
      gather
      [ -n "$ours" ] || return 0
    fi
    if [ -n "$polite" ]; then
      case " $ours " in
        *" $first "*) ;;
        *)
          signal "$polite" "$ours"
          polite=
          ;;
      esac
    fi
    now
    [ "$now" -lt "$limit" ] || return 1
    sleep 0.01
  done
}

# SIGNAL CENTISECONDS one|all: the application, then what started it. Each look at all processes takes
# milliseconds, and a release waits for it: there is one only where something may have changed since the last.
end_slot() {
  end_processes "$@"
  if [ -n "$units" ]; then
    stop_units
    scan
  fi
  while [ -n "$supervisors" ]; do
    for pid in $supervisors; do kill -s KILL "$pid" 2>/dev/null; done
    scan
    [ -z "$supervisors" ] || sleep 0.01
  done
}

# The same: the application first, politely; at the deadline everything, for good.
end_processes() {
  gather
  [ -n "$ours$supervisors" ] || return 0
  first=
  if [ "$3" = one ] && main && [ "$condition" != Z ]; then first=$leader:$birth; fi
  now
  deadline=$((now + $2))
  if [ -n "$first" ]; then signal "$1" "$first"; else signal "$1" "$ours"; fi
  wait_gone "$deadline" "\${first:+$1}" && return 0
  now
  deadline=$((now + 500))
  while :; do
    gather
    [ -n "$ours" ] || return 0
    signal KILL "$ours"
    now
    [ "$now" -lt "$deadline" ] || exit ${EXIT.notStopped}
    sleep 0.02
  done
}
`;

/** All that ends what runs in a slot. Needs `marker` and `state`. */
export const ENDING = `${PROCESSES}${SYSTEMD}${STOP_UNITS}${STOPPING}`;
