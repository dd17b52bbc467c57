/** What stands in an output that was too long to be kept whole, for its middle. */
export const gapOf = (bytes: number): string => `[${bytes} bytes left out]`;

export const hasGap = (output: string): boolean => /^\[\d+ bytes left out\]$/m.test(output);
