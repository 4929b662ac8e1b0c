"""The annual report: tables computed from the definition, the same objects for every format.

(Being written by colleague `annual`, with reports/exports; the reports colleague leaves both alone.)
"""
