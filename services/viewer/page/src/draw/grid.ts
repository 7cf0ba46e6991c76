/**
 * Arrays with a shape, for h5web.
 *
 * Stands in for the package `ndarray` (an alias in vite.config.ts), which makes its code at run
 * time with `new Function`: the page's content security policy forbids that, and rightly.
 */
import type { NdArray, TypedArray } from 'ndarray';

class Grid<D extends TypedArray | number[]> {
  readonly stride: number[];
  readonly offset = 0;
  readonly size: number;
  readonly dimension: number;
  readonly dtype: string;

  constructor(
    readonly data: D,
    readonly shape: number[] = [data.length],
  ) {
    this.dimension = shape.length;
    this.size = shape.reduce((product, n) => product * n, 1);
    this.stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
    this.dtype = typeOf(data);
  }

  index(...place: number[]): number {
    return place.reduce((sum, i, axis) => sum + i * (this.stride[axis] ?? 0), 0);
  }

  get(...place: number[]): number | undefined {
    return this.data[this.index(...place)];
  }
}

function typeOf(data: TypedArray | number[]): string {
  if (Array.isArray(data)) return 'array';
  if (data instanceof Uint8ClampedArray) return 'uint8_clamped';
  return data.constructor.name.replace('Array', '').toLowerCase();
}

/** Give `data` the shape `shape`, row major. */
export default function grid<D extends TypedArray | number[]>(data: D, shape?: number[]): NdArray<D> {
  return new Grid(data, shape) as unknown as NdArray<D>;
}
