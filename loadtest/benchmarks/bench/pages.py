"""Tables in a Markdown page, each between two comments that name it."""

from collections.abc import Iterable

from loadtest.benchmarks.bench.figures import Table


def with_tables(page: str, tables: Iterable[Table], measured: str) -> str:
    """The page with these in the place of what stood between their comments. Raises ValueError where there are none."""
    for table in tables:
        begin, end = f"<!-- bench: {table.name} -->", f"<!-- end: {table.name} -->"
        block = "\n".join([begin, f"### {table.title}", "", *table.lines(), "", measured, end])
        before, began, rest = page.partition(begin + "\n")
        _, ended, after = rest.partition(end)
        if not (began and ended):
            raise ValueError(f"the page has no place for the table {table.name!r}, between {begin} and {end}")
        page = before + block + after
    return page
