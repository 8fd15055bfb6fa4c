"""Many photos: streamed in flat memory, resumable, every input accounted for.

Three concepts, in the order in which a photo meets them::

    inputs    find_inputs, watch      whatever people name, as `Input`s: a name, and a function that gives the bytes
    records   stream                  inputs in, `Record`s out: in order, in batches, read and decoded by threads
    tables    open_table              rows on disk that a kill at any moment leaves whole

`up_to_date` joins them: it compares what an earlier run left in a table with the inputs, and does what is missing.
Beside it, `Sorter` puts photos into folders by class, `Tally` counts, and `Gallery` draws a page.
"""

from ecosorter.bulk.find import find_inputs
from ecosorter.bulk.formats import open_table
from ecosorter.bulk.gallery import Gallery
from ecosorter.bulk.inputs import Input
from ecosorter.bulk.resume import by_name, by_position, up_to_date
from ecosorter.bulk.rows import FIELDS, Row, RowFormat, Tally, outcome
from ecosorter.bulk.sorting import Sorter, undo
from ecosorter.bulk.stream import Record, stream
from ecosorter.bulk.tables import Table
from ecosorter.bulk.watch import watch

__all__ = [
    "FIELDS",
    "Gallery",
    "Input",
    "Record",
    "Row",
    "RowFormat",
    "Sorter",
    "Table",
    "Tally",
    "by_name",
    "by_position",
    "find_inputs",
    "open_table",
    "outcome",
    "stream",
    "undo",
    "up_to_date",
    "watch",
]
