"""Real data of many kinds: images, float images, tables, signals and volumes that lie in packages.

A set is one of `catalogue.SETS`: whose data they are, under which licence, what is done to them, and a function that
makes the examples and names the *source* of each: a photo, a font, a slab of a brain, a month. Sources are never
divided between train, validation and test, so that no split holds neighbours of another. Exact copies are dropped, of
images everywhere and of rows and windows too, and in sets of drawings what looks nearly alike (`families`) is one
source.

    python -m benchmarks defaults --made-only

makes sets and prints what they are; `--only` names others than the default ones. The file `NAME.npz` of a set is read
by `ndm train` as any file is: x is laid out so that its fixed permutation, 80/10/10, gives these splits. `source`
beside it are the numbers of the sources. The arrays have a checksum here; decoders of other versions may give other
values, which is refused, since results would not be comparable.
"""
