"""A finished model learns somebody's own photos and classes, from its features and its bank.

`teach` is the whole of it: the body of the model stays, its last layer is fitted again, and what got better and worse
is measured. Nothing here needs torch.
"""
