"""A table's columns as Arrow knows them."""

import pyarrow as pa

from knowtrace.lake.tables import ColumnType, Table

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "long": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "texts": pa.list_(pa.string()),
    "longs": pa.list_(pa.int64()),
    "ints": pa.list_(pa.int32()),
    "doubles": pa.list_(pa.float64()),
}


def arrow_schema(table: Table) -> pa.Schema:
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])
