"""The benchmark: what reports read, against DuckDB, pandas and plain SQL on the same figures.

Plain: one group, every unit × time point × scale, all years. Filtered: one scale by sex, age and
duration of symptoms. Measured are the registry's selectors as a page calls them, with the look for
stale slices, on PostgreSQL over the loopback.

The references hold the same scores as normalised rows (an operation; a score at a time point):
DuckDB in memory with two threads, pandas with categories in memory, PostgreSQL with an index. They
answer less than the registry does (n, mean and SD; no paired change, no share improved) and pay
for no network, so the comparison is not in the registry's favour. Before anything is timed all
four must agree to 1e-9.
"""

from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory

import duckdb
import pandas
from django.db import connection

from bench import data
from bench.database import TODAY, prepared, use
from bench.framework import Budget, Measured, medians, scale, timed
from registry.registers.selectors import definition_for
from reports.actions import ensure_fresh
from reports.selectors.benchmark import scale_sums, sums_from_summary
from reports.selectors.completeness import time_points_of
from reports.selectors.scope import Filters, Scope
from reports.statistics.moments import Sums, mean, standard_deviation

GROUP = "lumbar_stenosis"
SCALE = "odi"
SCOPE = Scope(data.REGISTER, (GROUP,))
FILTERED = Scope(
    data.REGISTER,
    (GROUP,),
    filters=Filters(sex="female", age_from=50, age_to=70, symptom_duration_limb=3),
)
FILTER = f"sex = 'female' AND age BETWEEN 50 AND 70 AND limb = 3 AND scale = '{SCALE}'"
# Types that DuckDB must not guess: where the first rows that it looks at hold whole numbers only,
# it reads the column as whole numbers and rounds the rest without a word.
TABLES = {"bench_operation": "{}", "bench_score": "{'value': 'DOUBLE'}"}

Figures = dict[tuple[str, int, str], tuple[int, float, float | None]]
"""(scale, unit, time point) to n, mean, SD."""


def query(condition: str = "true") -> str:
    """Return the benchmark as SQL on normalised rows."""
    return f"""
        SELECT scale, unit_id, time_point, count(*), avg(value), stddev_samp(value)
        FROM bench_score JOIN bench_operation ON bench_operation.id = bench_score.operation_id
        WHERE grouped = '{GROUP}' AND {condition} GROUP BY scale, unit_id, time_point
    """


class Contenders:
    """The registry and its references on one database."""

    def __init__(self, name: str) -> None:
        self.name = name
        use(name)
        self.definition = definition_for(data.REGISTER)
        self.points = time_points_of(self.definition, SCOPE.groups)
        self.duckdb = duckdb.connect(config={"threads": 2})
        with TemporaryDirectory() as folder:
            for table, types in TABLES.items():
                path = f"{folder}/{table}.csv"
                with (
                    open(path, "wb") as file,
                    connection.cursor() as cursor,
                    cursor.copy(f"COPY {table} TO STDOUT (FORMAT csv, HEADER)") as told,
                ):
                    for portion in told:
                        file.write(portion)
                self.duckdb.execute(
                    f"CREATE TABLE {table} AS FROM read_csv('{path}', types={types})"
                )
        self.frames = [self.duckdb.sql(f"FROM {table}").df() for table in TABLES]
        for frame in self.frames:
            for column in frame.select_dtypes(["object", "string"]).columns:
                frame[column] = frame[column].astype("category")

    def registry(self) -> dict[str, dict[tuple[int, str], Sums]]:
        """The plain benchmark by the registry's selector."""
        ensure_fresh(data.REGISTER, on=TODAY)
        return sums_from_summary(SCOPE, scales=list(data.SCALES))

    def registry_filtered(self) -> dict[tuple[int, str], Sums]:
        """One scale with filters by the registry's selector."""
        ensure_fresh(data.REGISTER, on=TODAY)
        return scale_sums(FILTERED, scale=SCALE, points=self.points, definition=self.definition)

    def in_duckdb(self, condition: str = "true") -> list[tuple]:
        """The same in DuckDB."""
        return self.duckdb.execute(query(condition)).fetchall()

    def in_sql(self, condition: str = "true") -> list[tuple]:
        """The same in PostgreSQL on normalised rows."""
        return data.execute(query(condition))

    def in_pandas(self) -> pandas.DataFrame:
        """The plain benchmark in pandas."""
        operations, scores = self.frames
        chosen = operations.loc[operations["grouped"] == GROUP, ["id", "unit_id"]]
        joined = scores.merge(chosen, left_on="operation_id", right_on="id")
        grouped = joined.groupby(["scale", "unit_id", "time_point"], observed=True)
        return grouped["value"].agg(["count", "mean", "std"])

    def agree(self) -> None:
        """Check that all give the same figures. Raises AssertionError."""
        use(self.name)
        own = self.registry()
        found = figures({(s, *key): sums for s in own for key, sums in own[s].items()})
        agree(found, rows(self.in_duckdb()))
        agree(found, rows(self.in_sql()))
        agree(found, rows(list(self.in_pandas().reset_index().itertuples(index=False))))
        one = self.registry_filtered()
        found = figures({(SCALE, *key): sums for key, sums in one.items()})
        agree(found, rows(self.in_duckdb(FILTER)))
        agree(found, rows(self.in_sql(FILTER)))


def figures(sums: dict[tuple[str, int, str], Sums]) -> Figures:
    """Return n, mean and SD of the registry's sums."""
    return {
        key: (
            one.n,
            mean(one.n, one.total) or 0.0,
            standard_deviation(one.n, one.total, one.squares),
        )
        for key, one in sums.items()
    }


def rows(found: list[tuple]) -> Figures:
    """Return the rows of a reference by key."""
    return {(scale, int(unit), point): (n, *rest) for scale, unit, point, n, *rest in found}


def agree(own: Figures, other: Figures) -> None:
    """Check two sets of figures. Raises AssertionError."""
    assert own, "there is nothing to compare"
    assert own.keys() == other.keys()
    for key, (n, average, spread) in own.items():
        other_n, other_average, other_spread = other[key]
        assert n == other_n, (key, n, other_n)
        assert abs(average - other_average) < 1e-9, (key, average, other_average)
        assert n < 2 or abs(spread - other_spread) < 1e-9 * max(1, abs(spread)), key


def measurements() -> Iterator[Measured]:
    """Measure both sizes, and the large against the small."""
    sizes = scale()
    runs = 2 * sizes.runs + 1
    small = Contenders(prepared(sizes.small))
    large = Contenders(prepared(sizes.small, times=sizes.large // sizes.small))
    for held, count, limit in ((small, sizes.small, 0.9), (large, sizes.large, 0.25)):
        held.agree()
        label = f"{count // 1000}k"
        use(held.name)
        found = medians(
            runs,
            {
                "registry": timed(held.registry),
                "duckdb": timed(held.in_duckdb),
                "pandas": timed(held.in_pandas),
                "sql": timed(held.in_sql),
            },
        )
        own = found["registry"]
        yield Measured(
            f"benchmark_{label}", own, found["duckdb"], Budget(limit), against="DuckDB in memory"
        )
        yield Measured(f"benchmark_{label}_pandas", own, found["pandas"], None, against="pandas")
        yield Measured(f"benchmark_{label}_sql", own, found["sql"], None, against="plain SQL")
        found = medians(
            runs,
            {
                "registry": timed(held.registry_filtered),
                "duckdb": timed(partial(held.in_duckdb, FILTER)),
            },
        )
        yield Measured(
            f"benchmark_filtered_{label}",
            found["registry"],
            found["duckdb"],
            Budget(1.2),
            against="DuckDB in memory, same filters",
        )
    found = medians(runs, {"large": on(large), "small": on(small)}, warm=2)
    yield Measured(
        "benchmark_growth", found["large"], found["small"], Budget(2), against="own, a tenth as big"
    )


def on(held: Contenders) -> object:
    """Return the timed plain benchmark on its database; changing over is not timed."""
    run = timed(held.registry)

    def turn() -> float:
        use(held.name)
        held.registry()
        return run()

    return turn
