"""Reads JSON lines with DuckDB and with pandas, in the environment of its own.

    python duckdb_child.py QUERY...

Prints a line of JSON: what each query answers, and how many lines pandas reads. Queries run in the
folder that this is started in.
"""

import json
import sys

import duckdb
import pandas as pd


def main() -> None:
    answers = [duckdb.sql(query).fetchall() for query in sys.argv[1:]]
    lines = [
        len(pd.read_json(f"{name}/{name}.jsonl", lines=True)) for name in ("annotations", "assets")
    ]
    print(json.dumps({"answers": answers, "pandas": lines}))


if __name__ == "__main__":
    main()
