import { TRAFFIC_KINDS, type TrafficKind } from "../../model/drain.ts";
import { ENDED, LOGGED_KINDS } from "./logged.ts";

const place = (kind: TrafficKind): number => TRAFFIC_KINDS.indexOf(kind);
const PLACES = [...LOGGED_KINDS].map(([word, kind]) => `kinds["${word}"] = ${place(kind)}`).join("; ");

/**
 * The fold in POSIX awk, for the gateway's host: `fold.ts` in other words, and a test holds the two against
 * each other. It has no single quote in it, and no number beyond 31 bits is ever a text in it: awks differ.
 *
 * Variables: most (bytes to read), room (characters to print at most, about), since (seconds: in the first
 * `early` bytes, who ended before is passed over), joined (`ADDRESS=SECONDS …`: from when on a slot is the
 * canary's), canary (seconds: who arrived before was asked of none; empty: there always was one), warm
 * (seconds), users (1: users are told apart), stopped (as joined: when a slot was stopped with requests in
 * flight), pool (the slots' addresses in their order). Prints a line for each slice and way (cell.ts), then
 * `end BYTES GARBAGE FULL TORN`: the bytes of whole lines that were read; FULL is 1 when room was short; TORN
 * lines of the garbage begin with one that nginx had no room for, and end with the next that it wrote.
 *
 * The most usual line takes a short way, marked below. Half of the time is awk taking lines apart.
 */
export const FOLD = String.raw`
BEGIN {
  FS = "\t"; time = "[0-9]+\\.[0-9][0-9][0-9]\t"
  head = "^g1\t" time time "([0-9][0-9][0-9])?\t(canary|stable|all|copy|twin)\t"
  torn = ".g1\t" time
  growth = log(1.01 / 0.99)
  for (i = 200; i < 400; i++) if (i != 304) plain[i ""]
  ${PLACES}
  slots = split(pool, list, " ")
  for (i = 1; i <= slots; i++) place[list[i]] = i - 1
  joins = split(joined, list, " ")
  for (i = 1; i <= joins; i++) { split(list[i], pair, "="); from[pair[1]] = pair[2] + 0 }
  stops = split(stopped, list, " ")
  for (i = 1; i <= stops; i++) { split(list[i], pair, "="); ends[pair[1]] = ends[pair[1]] " " pair[2] }
}
function cell(slice, way,   key) {
  key = slice " " way
  if (!(key in id)) { id[key] = ++cells; sliceof[cells] = slice; wayof[cells] = way; used += 70 }
  return id[key]
}
function bucketof(d,   ms, x, b) {
  if (d in known) return known[d]
  ms = int(d * 1000 + 0.5); x = log(ms > 0 ? ms : 0.01) / growth; b = int(x)
  if (x > b) b++
  if (d < 5) known[d] = b
  return b
}
# Adds one to a count of a map of the cell c. The map is a number: l(atency) 0, o(thers) 1, e(arly leavers)
# 2, f(ailures) 3, a(rrived) 4, d(rained) 5; so is what is counted: from -500 to 3500.
function add(map, value,   key) {
  key = (c * 6 + map) * 4099 + value + 500
  if (count[key]++ == 0) { names[c * 6 + map] = names[c * 6 + map] " " value; used += 10 }
}
function first(text) { sub(/ ?[,:] .*/, "", text); return text }
function wayof_line(   address) {
  if ($5 != "stable" && $5 != "all" && canary != "" && arrival < canary - 0.0005)
    return $5 == "canary" ? "-" : "o"
  if ($5 == "twin") return "t"
  if ($5 == "copy") {
    address = first($9)
    return address in from && arrival < from[address] + warm ? "y" : "m"
  }
  if ($5 == "stable" || ($5 == "canary" && !joins)) return substr($5, 1, 1)
  address = first($9)
  if (!(address in from)) return $5 == "canary" ? "c" : (address ~ /^[^ ]+:[0-9]+$/ ? "s" : "-")
  if ($5 == "all" && arrival < from[address]) return "s"
  return arrival < from[address] + warm ? "x" : "c"
}
# A slot that is only asked when all of its group failed: of p2b3 from the fourth on, of s3b2 the first two.
function isbackup(   address, edge) {
  address = $9; sub(/.*[,:] /, "", address)
  if (!(address in place) || $6 !~ /^[ps][0-9]+b[0-9]+$/) return 0
  edge = $6; sub(/.*b/, "", edge)
  return $6 ~ /^p/ ? place[address] >= edge + 0 : place[address] < edge + 0
}
# The place of its kind if it was there when its slot was stopped, and did not come to its end; else -1.
function drained(   address, times, n, i, whole) {
  address = $9; sub(/.*[,:] /, "", address)
  if (!(address in ends) || $4 == "499" || $15 == "${ENDED}") return -1
  n = split(ends[address], times, " ")
  for (i = 1; i <= n; i++) if ($2 >= times[i] - 0.0005 && arrival < times[i] - 0.0005) break
  if (i > n) return -1
  if ($4 == "101") return ${place("websockets")}
  if ($4 + 0 >= 100 && $4 + 0 < 500) {
    whole = $8 ~ /^H/ || $4 == "304" || ($17 == "" ? $4 == "204" : !isshort())
    if ($14 == "" || whole) return -1
  }
  return $15 in kinds ? kinds[$15] : ${place("requests")}
}
function isshort(   came, said) {
  came = $16; said = $17; sub(/.* /, "", came); sub(/.* /, "", said)
  if ($14 == "" || $8 ~ /^H/ || $4 == "304" || came !~ /^[0-9]+$/ || said !~ /^[0-9]+$/) return 0
  return came + 0 < said + 0
}
# Of each user the first request to arrive; ties are broken by its numbers. list: 0 all, 1 failed ones.
function user(list,   key, mine, mineb, minef) {
  pile = slice * 2 + list
  if (pile in bound && h >= bound[pile]) return
  key = (c * 2 + list) * 16411 + h
  mine = int((slice / 4 + 0.25 - (arrival - base)) * 1000 + 0.5)
  mineb = b == "" ? 9999 : b; minef = failure == "" ? 9999 : failure
  if (!(key in at)) {
    person[(c * 2 + list) * 16411 + ++people[c * 2 + list]] = h; used += 20
    # Whoever is beyond the smallest 128 now will never be among them.
    if (!((pile " " h) in some)) {
      some[pile " " h]
      if (++crowd[pile] % 256 == 0) bound[pile] = edgeof(pile)
    }
  } else if (at[key] > mine) return
  else if (at[key] == mine && (bof[key] < mineb || (bof[key] == mineb && fof[key] <= minef))) return
  at[key] = mine; bof[key] = mineb; fof[key] = minef
}
{
  if (used > room) { full = 1; exit }
  size = length($0) + 1
  if (bytes + size > most) exit
  bytes += size
  if ($0 !~ head || NF != 17 || length($2) > 16 || length($3) > 16) {
    garbage++; if (bytes > early && $0 ~ torn) tears++
    next
  }
  if (bytes <= early && $2 < since) next
  if (!base) base = int($2) - 5000000
  slice = int(($2 - base) * 4 + 0.0001)
  arrival = $2 - $3
  if (slice != slice0 || $5 != role0 || joins || $5 == "all" || (canary != "" && $5 != "stable")) {
    c = cell(slice, wayof_line()); slice0 = slice; role0 = $5
  }
  many[c]++
  b = ""; failure = ""
  kind = stops ? drained() : -1
  # The short way: one attempt that was answered well, and whole.
  if (kind >= 0) add(5, kind)
  else if ($4 in plain && $16 == $17 && $15 == "" && $9 !~ / /) { b = bucketof($3); add(0, b) }
  else {
    status = $4 + 0
    answered = status >= 100 && status < 500 && status != 499
    if (status < 100 || status >= 500) failed[c]++
    attempts = split($9, parts, /[,:] /)
    measured = answered && status != 101 && $15 != "events"
    cuts = measured && isshort()
    if (cuts) cut[c]++
    if (answered && attempts > 1) { retried[c]++; if (isbackup()) fell[c]++ }
    if (status < 100 || cuts) failure = 0
    else if (status >= 400 && status != 499) failure = status
    else if (answered && attempts > 1) { failure = first($10) + 0; if (failure < 400) failure = 502 }
    if (measured && (failure == "" || (failure > 0 && failure < 500))) { b = bucketof($3); add(0, b) }
    else if (measured) add(1, bucketof($3))
    if (status == 499) add(2, bucketof($3))
    if (failure != "") add(3, failure)
  }
  if ($7 !~ /^[0-9][0-9]\/[0-9][0-9]$/) next
  age = slice - int((arrival - base) * 4 + 0.0001)
  add(4, age < 3000 ? age : 3000)
  if (!users || $5 == "all" || kind >= 0) next
  if ($4 == "499") { b = bucketof($3); failure = 499 }
  if ($7 in hash) h = hash[$7]
  else h = hash[$7] = (substr($7, 1, 2) substr($7, 4, 2)) * 5857 % 10009
  user(0)
  if (failure != "" && failure != 499) user(1)
}
function map(number, c,   n, i, text) {
  number += c * 6; n = split(names[number], parts, " "); text = ""
  for (i = 1; i <= n; i++) text = text (i > 1 ? "," : "") parts[i] ":" count[number * 4099 + parts[i] + 500]
  return text
}
function told(value) { return value == 9999 ? "" : value }
function edgeof(pile,   h, n) {
  for (h = n = 0; n < 128; h++) if ((pile " " h) in some) n++
  return h
}
# The smallest of both ways of a slice: at most 128.
function crowdof(list, c,   h, limit, i, key, text) {
  pile = sliceof[c] * 2 + list; limit = crowd[pile] > 128 ? edgeof(pile) : 10009; text = ""
  list += c * 2
  for (i = 1; i <= people[list]; i++) {
    h = person[list * 16411 + i]; key = list * 16411 + h
    if (h < limit) text = text (text == "" ? "" : ",") h ":" at[key] ":" told(bof[key]) ":" told(fof[key])
  }
  return text
}
END {
  for (c = 1; c <= cells; c++) {
    printf "%.0f %s %d %d %d", base * 4 + sliceof[c], wayof[c], many[c], failed[c], cut[c]
    printf " %d %d", retried[c], fell[c]
    print ";" map(3, c) ";" map(0, c) ";" map(1, c) ";" map(2, c) ";" map(4, c) ";" \
      crowdof(0, c) ";" crowdof(1, c) ";" map(5, c)
  }
  print "end", bytes + 0, garbage + 0, full + 0, tears + 0
}
`;
