/** Where a ruler of `length` px has its marks: round steps, about `wanted` of them. */
export function marks(length: number, wanted = 6): number[] {
  const rough = length / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, power * ([1, 2, 5].find((multiple) => multiple * power >= rough) ?? 10));
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step);
}
