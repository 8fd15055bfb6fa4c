"""What people said makes the next model: who teaches and who measures, the candidate, its figures.

`improve` is the whole of it. It runs in a process of its own and needs the extra [teach], which the service itself does
without.
"""
