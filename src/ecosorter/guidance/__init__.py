"""What to do with an item where somebody lives: schemes as sourced, dated data files and a pure lookup.

>>> from ecosorter.guidance import guide, schemes
>>> [scheme.id for scheme in schemes()]
['jakarta-2020', 'lima-warna', 'permen-pu-2013']
>>> guide("kaca", "permen-pu-2013", answer="pecah", language="en").bin.name
'Residue'

A thing is found by what people call it:

>>> from ecosorter.guidance import dictionary
>>> [found.id for found in dictionary().find("pempers", limit=1)]
['popok-sekali-pakai']

A class is not a bin: what goes where depends on the scheme and, for most classes, on an answer to a question. All of
that stands in `classes.toml` and `schemes/*.toml`; the code reads, checks and looks up. Nothing is read before it
is asked for.
"""

from ecosorter.guidance.dictionary import Dictionary, Found, dictionary
from ecosorter.guidance.fields import Source, Words
from ecosorter.guidance.files import classes, load_scheme, scheme, schemes, template
from ecosorter.guidance.lookup import (
    AnswerWords,
    BinWords,
    Guidance,
    ItemWords,
    PartWords,
    QuestionWords,
    bin_words,
    class_to_say,
    guide,
)
from ecosorter.guidance.models import Answer, Bin, Classes, ItemClass, Kind, Scheme
from ecosorter.guidance.resolve import Item

__all__ = [
    "Answer",
    "AnswerWords",
    "Bin",
    "BinWords",
    "Classes",
    "Dictionary",
    "Found",
    "Guidance",
    "Item",
    "ItemClass",
    "ItemWords",
    "Kind",
    "PartWords",
    "QuestionWords",
    "Scheme",
    "Source",
    "Words",
    "bin_words",
    "class_to_say",
    "classes",
    "dictionary",
    "guide",
    "load_scheme",
    "scheme",
    "schemes",
    "template",
]
