// Put in place of Intl.Segmenter by script/build: to make one costs a tenth of a command's start, and a
// library makes one whether or not anything is ever written on a terminal.
const { Segmenter } = Intl;

export class LazySegmenter {
  readonly #wanted: ConstructorParameters<typeof Segmenter>;
  #made: Intl.Segmenter | null = null;

  constructor(...wanted: ConstructorParameters<typeof Segmenter>) {
    this.#wanted = wanted;
  }

  segment(text: string): Intl.Segments {
    this.#made ??= new Segmenter(...this.#wanted);
    return this.#made.segment(text);
  }
}
