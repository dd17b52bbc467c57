/** A request as `explain` is told of it; what is not said is not there. */
export interface Asked {
  /** The value of the user's key, whatever else is said. */
  readonly user: string | null;
  readonly headers: readonly Named[];
  /** Besides those of a header Cookie. */
  readonly cookies: readonly Named[];
  /** As they stand in the address, not decoded. */
  readonly args: readonly Named[];
  /** Of the client; of the nearest proxy when that is a trusted one and its header is among the headers. */
  readonly address: string | null;
}

export interface Named {
  readonly name: string;
  readonly value: string;
}

export const NOTHING_ASKED: Asked = { user: null, headers: [], cookies: [], args: [], address: null };
