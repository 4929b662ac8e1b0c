"""The yearly export: pseudonymous rows with a codebook.

(Being written by colleague `annual`, with reports/annual; the reports colleague leaves both alone.)
"""
