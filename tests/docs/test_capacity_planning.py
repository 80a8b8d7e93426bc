"""The sums of the page on capacity planning come out, and its figures of the case study are those of the fluid."""

import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from simulator.theory import fluid
from stack.cli import main
from tests.docs.examples import ROOT, blocks

PAGE = "docs/capacity-planning.md"


def test_the_sums_are_what_the_page_says() -> None:
    (code,), (printed,) = blocks(PAGE, "python"), blocks(PAGE, "text")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout, done.stderr) == (printed, "")


def test_its_commands_are_understood() -> None:
    """What they print is looked at elsewhere; here nothing has to be computed."""
    shown = re.findall(r"^\$ bff (plan .+)$", "\n".join(blocks(PAGE, "console")), re.MULTILINE)
    assert len(shown) == 3
    for command in shown:
        done = CliRunner().invoke(main, [*command.split(), "--help"])
        assert (done.exit_code, "--lead-seconds" in done.output) == (0, True), done.output


def test_the_figures_of_the_case_study_are_the_fluids() -> None:
    text = " ".join((ROOT / PAGE).read_text().split())
    sale = {"spike_per_second": 500, "capacity_per_second": 125}
    for said in (
        f"fill 15,000 places in {fluid.seconds_to_depth(15_000, **sale):g} s",
        f"Within 45 s 125/s start {fluid.useful_depth(125, 45):,.0f}",
        f"{fluid.served_share(500, 600, 125, 45, 15_000):.0%} are served".replace("%", " %"),
        f"45 ÷ (1 − 10/125) = {fluid.longest_drain_seconds(10, 125, 45):.0f} s",
        f"{fluid.rate_absorbed(600, 125, 45, 15_000):.0f}/s for ten minutes",
        f"500/s for {fluid.seconds_absorbed(500, 125, 45, 15_000):g} s",
        f"70 % full after {fluid.seconds_to_depth(0.7 * 15_000, **sale):g} s",
    ):
        assert said in text


def test_every_file_that_it_points_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", (ROOT / PAGE).read_text()) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / "docs" / Path(link)).exists()] == []
