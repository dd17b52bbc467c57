// Which release is of which sort. Pure.

export interface Planned {
  /** From 1. */
  readonly number: number;
  readonly gray: boolean;
  readonly aborted: boolean;
}

/** Smooth and gray in turns; one of each ten is aborted: a gray one, then a smooth one, and so on. */
export function planned(number: number): Planned {
  const place = (number - 1) % 10;
  const isEven = Math.floor((number - 1) / 10) % 2 === 0;
  return { number, gray: number % 2 === 0, aborted: place === (isEven ? 9 : 8) };
}

export const sortOf = ({ gray, aborted }: Planned): string =>
  `${gray ? "gray" : "smooth"}${aborted ? ", aborted" : ""}`;
