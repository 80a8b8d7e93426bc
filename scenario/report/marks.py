"""Markers and patterns that all drawings on the page use: shapes, so that nothing is told by colour alone."""

_CIRCLE = '<circle r="4"/>'
_SQUARE = '<path d="M-4 -4H4V4H-4Z"/>'
_TRIANGLE = '<path d="M0 -5L5 4H-5Z"/>'
_DIAMOND = '<path d="M0 -5.5L5.5 0L0 5.5L-5.5 0Z"/>'
_CROSS = '<path class="solid" d="M-4 -4L4 4M-4 4L4 -4"/>'
_PLUS = '<path class="solid" d="M-5 0H5M0 -5V5"/>'
_SHAPES = (_CIRCLE, _SQUARE, _TRIANGLE, _DIAMOND, _CROSS, _PLUS)

_MARKERS = {
    **{f"run-{number}": shape for number, shape in enumerate(_SHAPES, start=1)},
    **dict(
        zip(("flow-accepted", "flow-expired", "flow-served", "flow-rejected", "flow-arrived"), _SHAPES, strict=False)
    ),
    **dict(zip(("measure-accept", "measure-wait", "measure-result", "measure-told"), _SHAPES, strict=False)),
}

_HATCHES = {
    "slanted": '<path d="M-2 2L2 -2M0 8L8 0M6 10L10 6"/>',
    "dotted": '<circle cx="2" cy="2" r="1.3"/><circle cx="6" cy="6" r="1.3"/>',
    "crossed": '<path d="M0 0L8 8M0 8L8 0"/>',
    "lying": '<path d="M0 2H8M0 6H8"/>',
}
_FILLS = {"expired": "slanted", "rejected": "dotted", "failed": "crossed", "timed_out": "lying"}


def defined() -> str:
    """HTML that draws nothing by itself."""
    markers = "".join(f'<g id="m-{name}" class="marker {name}">{shape}</g>' for name, shape in _MARKERS.items())
    patterns = "".join(
        f'<pattern id="p-{end}" width="8" height="8" patternUnits="userSpaceOnUse"><g class="end-{end}">'
        f'<rect class="ground" width="8" height="8"/><g class="hatch">{_HATCHES[hatch]}</g></g></pattern>'
        for end, hatch in _FILLS.items()
    )
    return f'<svg class="defs" width="0" height="0" aria-hidden="true"><defs>{markers}{patterns}</defs></svg>'
