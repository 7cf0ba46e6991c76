/* h5web imports ndarray-ops for nothing that the page uses; it needs `new Function` (see grid.ts). */
export {};
