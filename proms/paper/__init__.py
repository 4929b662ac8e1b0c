"""Questionnaires on paper: return codes, the printed form, batches of letters."""
