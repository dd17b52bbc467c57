/** One word of a shell's, whatever is in it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * `free_at PATH`, in a script: how many KiB its file system has left for whoever is not root. Nothing where
 * that is not told: it has no blocks of its own, or its df knows no number.
 */
export const FREE_AT = String.raw`free_at() {
  df -Pk -- "$1" | {
    read -r _ && read -r _ all _ free _ && [ "$all" -gt 0 ] || exit 1
    case $free in -[0-9]*) free=0 ;; "" | *[!0-9]*) exit 1 ;; esac
    printf "%s\n" "$free"
  }
}
`;
