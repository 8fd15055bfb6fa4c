// The looks at a photo that teaching takes: teaching/features.py.

/** The first is what answers see; all are for fitting. `zoom`: share of the sides that is shown. */
export const LOOKS = [1, 0.85].flatMap((zoom) => [false, true].map((mirrored) => ({ zoom, mirrored })));
