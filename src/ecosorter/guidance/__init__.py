"""What to do with an item where somebody lives: schemes as sourced, dated data files and a pure lookup.

>>> from ecosorter.guidance import guide, schemes
>>> [scheme.id for scheme in schemes()]
['jakarta-2020', 'lima-warna', 'permen-pu-2013']
>>> guide("kaca", "permen-pu-2013", answer="pecah", language="en").bin.name
'Residue'

A class is not a bin: what goes where depends on the scheme and, for most classes, on an answer to a question. All of
that stands in `classes.toml` and `schemes/*.toml`; the code reads, checks and looks up. Nothing is read before it
is asked for.
"""

from ecosorter.guidance.files import classes, load_scheme, scheme, schemes, template
from ecosorter.guidance.lookup import AnswerWords, BinWords, Guidance, QuestionWords, bin_words, class_to_say, guide
from ecosorter.guidance.models import Answer, Bin, Classes, ItemClass, Kind, Scheme, Source, Words

__all__ = [
    "Answer",
    "AnswerWords",
    "Bin",
    "BinWords",
    "Classes",
    "Guidance",
    "ItemClass",
    "Kind",
    "QuestionWords",
    "Scheme",
    "Source",
    "Words",
    "bin_words",
    "class_to_say",
    "classes",
    "guide",
    "load_scheme",
    "scheme",
    "schemes",
    "template",
]
