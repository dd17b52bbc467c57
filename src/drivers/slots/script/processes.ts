import { EXIT } from "../exit-codes.ts";

/**
 * Which processes are the slot's: those with its marker in their environment, wherever they hide; and the
 * session of the application, for those that overwrote their environment with a title. Needs `marker` and
 * `state`.
 */
export const PROCESSES = `
# Processes with VARIABLE=marker, exactly.
marked() {
  grep -lzxsF -- "$1=$marker" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
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

session_members() {
  main || return 0
  for entry in /proc/[0-9]*; do
    look "\${entry#/proc/}" && [ "$session" = "$leader" ] && [ "$condition" != Z ] && echo "\${entry#/proc/}"
  done
}

running() {
  [ -n "$(marked GLIDEPATH_SUPERVISOR)" ] || [ -n "$(marked GLIDEPATH_SLOT)" ] || [ -n "$(session_members)" ]
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

/** Needs PROCESSES. */
export const STOPPING = `${CLOCK}
# ours = "pid:birth ...": a number alone could be somebody else's by now.
gather() {
  ours=
  for pid in $(marked GLIDEPATH_SLOT) $(session_members); do
    look "$pid" && [ "$condition" != Z ] && ours="$ours $pid:$birth"
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

end_supervisor() {
  for pid in $(marked GLIDEPATH_SUPERVISOR); do kill -s KILL "$pid" 2>/dev/null; done
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
    sleep 0.02
  done
}

# SIGNAL CENTISECONDS one|all: the application first, politely; at the deadline everything, for good.
end_processes() {
  end_supervisor
  gather
  first=
  if [ "$3" = one ] && main && [ "$condition" != Z ]; then first=$leader:$birth; fi
  now
  deadline=$((now + $2))
  if [ -n "$first" ]; then signal "$1" "$first"; else signal "$1" "$ours"; fi
  wait_gone "$deadline" "\${first:+$1}" && return 0
  now
  deadline=$((now + 500))
  while :; do
    end_supervisor
    gather
    [ -n "$ours" ] || return 0
    signal KILL "$ours"
    now
    [ "$now" -lt "$deadline" ] || exit ${EXIT.notStopped}
    sleep 0.02
  done
}
`;
