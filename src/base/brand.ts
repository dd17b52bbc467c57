/** A primitive that cannot be confused with another of the same runtime type. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
