"""The template as a waste bank fills it in."""

import re

from ecosorter.guidance import template


def filled() -> str:
    text = template().replace('id = ""                  # satu', 'id = "bank-melati"       # satu', 1)
    text = text.replace('date = ""', 'date = "2026"')
    return re.sub(r'= ""', '= "Bersih dan kering."', text)
