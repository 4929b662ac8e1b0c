"""Scoring stored answers anew: always asked for, previewed first, with the old scores in history.

A score keeps the instrument version and the value set it was computed with. When an instrument is
corrected, or a register changes its value set, old answers stay scored as they were until somebody
asks for this. What was answered, in which version and which words, is never changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from psycopg import sql

from proms.instruments import instrument
from proms.instruments.schema import Instrument, Scale
from proms.scoring import ScaleScores, score
from proms.scoring.change import TOLERANCE
from proms.scoring.registers import scoring_options
from registry.registers.actions import mark_slices_stale
from registry.registers.schema import RegisterDefinition


@dataclass(frozen=True, slots=True)
class ScaleChange:
    """What scoring anew does to one scale; differences are new minus old, in points."""

    scale: str
    responses: int
    changed: int
    """Responses whose value is another one."""
    gained: int
    """Responses that had no value and get one."""
    lost: int
    mean_difference: float | None
    """Over the changed ones; None when none is changed."""
    largest_difference: float | None
    """By size, with its sign."""


@dataclass(frozen=True, slots=True)
class Rescoring:
    """What was found, and whether it was written."""

    instrument: str
    version: str
    """The version scored with."""
    from_versions: Mapping[str, int]
    """Responses by the version that their scores had before."""
    scales: tuple[ScaleChange, ...]
    applied: bool

    @property
    def responses(self) -> int:
        """How many responses were scored."""
        return sum(self.from_versions.values())


@transaction.atomic
def rescore(
    *,
    definition: RegisterDefinition,
    instrument_code: str,
    from_version: str | None = None,
    apply: bool = False,
) -> Rescoring:
    """Score a register's answers to an instrument with its current version and settings.

    Only current responses, and with ``from_version`` only those scored with that version. Without
    ``apply`` nothing is written. With it scores are replaced in one statement a scale, the old ones
    go to history, and the slices concerned are marked stale. Raises UnknownInstrument.
    """
    asked = instrument(instrument_code)
    scales = [scale for scale in asked.scales if scale.kind == "number"]
    responses, versions = _responses(definition.code, asked.code, from_version)
    options = scoring_options(definition)
    scored = score(
        asked,
        _answers(asked, responses),
        value_set=options.value_set if asked.value_sets else None,
        minimum_answered=options.minimum_answered,
    )
    variant = options.value_set if asked.value_sets else next(iter(asked.variants), "")
    changes = tuple(
        _change(scale, scored[scale.code], _old_values(scale.code, responses)) for scale in scales
    )
    if apply and len(responses):
        written = sum(
            _write(asked, scale, scored[scale.code], responses, variant or "") for scale in scales
        )
        written += _remove_others(asked, [scale.code for scale in scales], responses)
        if written:
            _mark_stale(responses)
    return Rescoring(asked.code, asked.version, versions, changes, applied=apply)


def _responses(
    register_code: str, code: str, from_version: str | None
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Ids of the current responses to the instrument, rising, and how many had which version."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.id, COALESCE(held.version, r.instruments -> %(code)s ->> 'version')
            FROM proms_response r
            JOIN proms_invitation i ON i.id = r.invitation_id
            JOIN patients_membership m ON m.id = i.membership_id
            LEFT JOIN LATERAL (
                SELECT max(s.instrument_version) AS version FROM proms_score s
                WHERE s.response_id = r.id AND s.instrument = %(code)s
            ) held ON true
            WHERE r.current AND m.register_id = %(register)s AND r.instruments ? %(code)s
              AND (%(version)s::text IS NULL OR %(version)s::text
                   = COALESCE(held.version, r.instruments -> %(code)s ->> 'version'))
            ORDER BY r.id
            """,
            {"code": code, "register": register_code, "version": from_version},
        )
        rows = cursor.fetchall()
    versions: dict[str, int] = {}
    for _id, version in rows:
        versions[version] = versions.get(version, 0) + 1
    return np.array([pk for pk, _version in rows], dtype=np.int64), versions


def _answers(asked: Instrument, responses: NDArray[np.int64]) -> NDArray[np.float64]:
    """Answers of shape (n_responses, n_items) in the order of ``responses``; NaN missing."""
    cells = sql.SQL(", ").join(
        sql.SQL("(answers ->> {})::float8").format(sql.Literal(code)) for code in asked.item_codes
    )
    query = sql.SQL(
        "SELECT {} FROM proms_response WHERE id = ANY(%s::bigint[]) ORDER BY id"
    ).format(cells)
    with connection.cursor() as cursor:
        cursor.execute(query.as_string(cursor.connection), [responses.tolist()])
        rows = cursor.fetchall()
    return np.array(rows, dtype=np.float64).reshape(len(responses), len(asked.items))


def _old_values(scale: str, responses: NDArray[np.int64]) -> NDArray[np.float64]:
    """The stored value of each response; NaN where there is none."""
    old = np.full(len(responses), np.nan)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT response_id, value FROM proms_score"
            " WHERE scale = %s AND response_id = ANY(%s::bigint[]) AND value IS NOT NULL",
            [scale, responses.tolist()],
        )
        rows = cursor.fetchall()
    if rows:
        ids, values = (np.array(column) for column in zip(*rows, strict=True))
        old[np.searchsorted(responses, ids)] = values
    return old


def _change(scale: Scale, scored: ScaleScores, old: NDArray[np.float64]) -> ScaleChange:
    new = np.asarray(scored.values, dtype=np.float64)
    difference = new - old
    changed = np.abs(difference) > TOLERANCE
    moved = difference[changed]
    return ScaleChange(
        scale.code,
        len(new),
        int(changed.sum()),
        int((np.isnan(old) & ~np.isnan(new)).sum()),
        int((~np.isnan(old) & np.isnan(new)).sum()),
        float(moved.mean()) if len(moved) else None,
        float(moved[np.abs(moved).argmax()]) if len(moved) else None,
    )


def _write(
    asked: Instrument,
    scale: Scale,
    scored: ScaleScores,
    responses: NDArray[np.int64],
    variant: str,
) -> int:
    """Replace what differs, and add the scale where a response has none. Return how many."""
    values = [None if np.isnan(value) else value for value in scored.values.tolist()]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO proms_score AS held (response_id, scale, value, reason, answered,
                                             instrument, instrument_version, variant)
            SELECT new.response_id, %(scale)s, new.value, new.reason, new.answered,
                   %(instrument)s, %(version)s, %(variant)s
            FROM unnest(%(responses)s::bigint[], %(values)s::float8[], %(reasons)s::text[],
                        %(answered)s::int[]) AS new (response_id, value, reason, answered)
            ON CONFLICT (response_id, scale) DO UPDATE
            SET value = excluded.value, reason = excluded.reason, answered = excluded.answered,
                instrument = excluded.instrument, variant = excluded.variant,
                instrument_version = excluded.instrument_version
            WHERE (held.value, held.reason, held.answered, held.instrument,
                   held.instrument_version, held.variant)
                IS DISTINCT FROM (excluded.value, excluded.reason, excluded.answered,
                   excluded.instrument, excluded.instrument_version, excluded.variant)
            """,
            {
                "scale": scale.code,
                "instrument": asked.code,
                "version": asked.version,
                "variant": variant,
                "responses": responses.tolist(),
                "values": values,
                "reasons": scored.reasons.tolist(),
                "answered": scored.answered.tolist(),
            },
        )
        return cursor.rowcount


def _remove_others(asked: Instrument, scales: Iterable[str], responses: NDArray[np.int64]) -> int:
    """Take away scales that the instrument no longer has. Return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM proms_score WHERE response_id = ANY(%s::bigint[]) AND instrument = %s"
            " AND scale <> ALL(%s::text[])",
            [responses.tolist(), asked.code, list(scales)],
        )
        return cursor.rowcount


def _mark_stale(responses: NDArray[np.int64]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT o.register_id, o.unit_id, o.year FROM proms_response r"
            " JOIN proms_followup f ON f.invitation_id = r.invitation_id"
            " JOIN procedures_operation o ON o.id = f.operation_id"
            " WHERE r.id = ANY(%s::bigint[])",
            [responses.tolist()],
        )
        mark_slices_stale(cursor.fetchall())
