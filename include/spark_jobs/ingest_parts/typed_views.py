"""Arrow's view types as the types that they are views of: Arrow takes no rows out of views."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its texts and bytes one behind another, wherever they are in its values."""
    kinds = [_plain_type(kind) for kind in batch.schema.types]
    if kinds == batch.schema.types:
        return batch
    columns = [
        column if column.type == kind else pc.cast(column, kind)
        for column, kind in zip(batch.columns, kinds, strict=True)
    ]
    return pa.record_batch(columns, names=batch.schema.names)


def _plain_type(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911  a table
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([_plain_field(field) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain_field(kind.key_field), _plain_field(kind.item_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(_plain_field(kind.value_field))
    return pa.list_(_plain_field(kind.value_field)) if pa.types.is_list(kind) else kind


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(_plain_type(field.type))
