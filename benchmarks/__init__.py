"""What `make run` and `make bench` do: a first run on real photos, and measurements beside the usual ways."""
