"""The report of a run: one self-contained page in Indonesian or English.

Figures come from results.py; charts are drawn as SVG; photos are small and inside the page.
"""
