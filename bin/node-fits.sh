# Sourced by bin/glidepath and script/env: is this Node one that Glidepath runs on?
# The same range as "engines" in package.json; a test compares the two.

# node_fits v24.21.0
node_fits() {
  _v=${1#v}
  case $_v in *-*) return 1 ;; esac
  _major=${_v%%.*}
  _rest=${_v#*.}
  _minor=${_rest%%.*}
  _patch=${_rest#*.}
  case $_major$_minor$_patch in '' | *[!0-9]*) return 1 ;; esac
  if [ "$_major" -eq 22 ]; then
    [ "$_minor" -gt 22 ] || { [ "$_minor" -eq 22 ] && [ "$_patch" -ge 3 ]; }
  elif [ "$_major" -eq 24 ]; then
    [ "$_minor" -ge 15 ]
  else
    [ "$_major" -ge 26 ]
  fi
}
