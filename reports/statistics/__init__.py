"""Statistics of reports: pure functions of counts and sums, each with its formula and source."""
