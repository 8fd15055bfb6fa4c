"""Photos with known classes, before any model: read, look at, group and divide them, and fetch published ones.

`load_dataset` and `usable_photos` are where a run begins; `audit` says what is wrong with a collection. Nothing here
needs torch.
"""
