"""Run many simulations and tell of the first that violates a property.

python -m tests.simulation --seeds 10000          # seeds 0 to 9999
python -m tests.simulation --seed 4711 -v         # one seed, with its log
python -m tests.simulation --mutants              # plant faults in the code and find every one
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.simulation import mutants

if TYPE_CHECKING:
    from tests.simulation.runner import Progress

SEEDS = 300
YEAR = 365.25 * 86_400


def main() -> int:
    """Run; 1 if a property was violated, or a planted fault was not found."""
    options = _options()
    if options.mutants:
        return mutants.find_all(options.seeds or mutants.SEEDS, options.processes)
    if options.mutant is not None:
        mutants.plant(options.mutant)
    if options.seed is not None:
        return _run_one(options.seed, is_verbose=options.verbose)
    return _run_many(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="how many seeds to run; 300, or 4000 with --mutants")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="the first of them")
    parser.add_argument("--seed", type=int, metavar="N", help="run this seed alone")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the log of the seed")
    parser.add_argument("--processes", type=int, metavar="N", help="on how many cores; all when left out")
    parser.add_argument("--mutants", action="store_true", help="plant each fault, and run until it is found")
    parser.add_argument("--mutant", choices=sorted(mutants.MUTANTS), metavar="NAME", help="plant this fault")
    parser.add_argument("--no-simplify", action="store_true", help="don't simplify a failing scenario")
    return parser.parse_args()


def _run_one(seed: int, *, is_verbose: bool) -> int:
    from tests.simulation.runner import run_scenario
    from tests.simulation.scenario import generate

    scenario = generate(seed)
    trace = run_scenario(scenario)
    print(scenario)
    print("\n".join(trace.lines if is_verbose else trace.violations))
    return bool(trace.violations)


def _run_many(options: argparse.Namespace) -> int:
    from tests.simulation.runner import run_scenario, run_seeds, simplified
    from tests.simulation.scenario import generate

    seeds = range(options.first, options.first + (options.seeds or SEEDS))
    progress = run_seeds(seeds, processes=options.processes, tell=_tell)
    if progress.failed is None:
        return 0
    seed = progress.failed.seed
    print(f"seed {seed} violates a property:", *progress.failed.violations, sep="\n  ")
    if not options.no_simplify:
        scenario = simplified(generate(seed))
        print("simplified:", scenario, *run_scenario(scenario).lines, sep="\n")
    return 1


def _tell(progress: Progress, seconds: float) -> None:
    print(
        f"{progress.seeds} scenarios, {progress.charges} charges, {progress.deliveries} deliveries, "
        f"{progress.virtual_seconds / YEAR:.3f} years; {progress.seeds / seconds:.1f} scenarios/s, "
        f"{progress.virtual_seconds / seconds:,.0f} virtual seconds/s",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
