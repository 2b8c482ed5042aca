"""A search that learns from its scores, by Optuna's tree-structured Parzen estimator (Bergstra et al., 2011)."""

from collections.abc import Mapping
from typing import Any

from seqvision.errors import UserError
from seqvision.sweeps.proposal import Proposal, Scored
from seqvision.sweeps.search import Search
from seqvision.sweeps.space import Choice


class Optuna(Search):
    """Proposals where the scores so far promise most, `at_once` in a round; the first `startup` are draws.

    The study is made anew from the scores in every round: it needs no storage, and goes on where it was.
    UserError where the extra is not installed.
    """

    def __init__(self, space: Mapping[str, Any], *, seed: int = 0, startup: int = 5, at_once: int = 1, **settings: Any):
        try:
            import optuna
        except ImportError as error:
            raise UserError(
                "sweep=optuna: not installed. pip install 'seqvision[optuna]'; or take sweep=random"
            ) from error
        super().__init__(space, **settings)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.seed, self.startup, self.at_once = seed, startup, at_once
        self.distributions = {key: _distribution(axis) for key, axis in self.space.axes.items()}

    def propose(self, scored: Scored) -> list[Proposal]:
        import optuna

        count = min(self.at_once, self.trials - len(scored))
        if count == 0:
            return []
        sampler = optuna.samplers.TPESampler(
            seed=self.seed + len(scored), n_startup_trials=self.startup, constant_liar=self.at_once > 1
        )
        study = optuna.create_study(direction="maximize" if self.mode == "max" else "minimize", sampler=sampler)
        for proposal, score in scored:
            state = optuna.trial.TrialState.FAIL if score is None else optuna.trial.TrialState.COMPLETE
            study.add_trial(
                optuna.trial.create_trial(
                    params=self._params(proposal.values), distributions=self.distributions, value=score, state=state
                )
            )
        asked = [study.ask(self.distributions).params for _ in range(count)]
        return [
            self.proposal(len(scored) + number, self._values(params), epochs=self.epochs)
            for number, params in enumerate(asked)
        ]

    def _params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: axis.values.index(values[key]) if isinstance(axis, Choice) else values[key]
            for key, axis in self.space.axes.items()
        }

    def _values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A choice by its number; a number within its range, written short."""
        found = {}
        for key, axis in self.space.axes.items():
            if isinstance(axis, Choice):
                found[key] = axis.values[params[key]]
            else:
                short = params[key] if axis.integer else float(f"{params[key]:.5g}")
                found[key] = min(max(short, axis.low), axis.high)
        return found


def _distribution(axis: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(axis, Choice):
        return CategoricalDistribution(range(len(axis.values)))
    kind = IntDistribution if axis.integer else FloatDistribution
    return kind(axis.low, axis.high, log=axis.scale == "log")
