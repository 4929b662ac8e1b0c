"""Pages of following up: those of patients, and those of staff."""
