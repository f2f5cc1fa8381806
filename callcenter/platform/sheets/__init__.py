"""Sheets of spreadsheets, in and out: one reader and one writer for every import and export.

Taken are CSV as office programs save it (commas, semicolons or tabs; UTF-8, GB 18030 or UTF-16) and
Excel's own .xlsx; what a file is, is seen in it and not in its name. A cell that a spreadsheet
would take for a formula is written with an apostrophe before it, and read without.
"""
