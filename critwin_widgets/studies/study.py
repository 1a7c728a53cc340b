"""The forward-reverse experiment as a study: many sources, levels and repeats on any model."""

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..engine._validation import check_choice, check_count, check_eps, check_positive
from . import _inputs, _store
from ._batch import Limit, size_of
from ._cells import CLONE, FORWARD_REVERSE, MODES, Work, classify, components_of, finish, path_seeds, source_seeds
from ._cluster import place_of
from ._records import attributes, manifest, original_dataset, restored_original, same_study
from ._runner import Settings, blocks_of, execute, own_workers, plan
from ._table import DONE, FAILED, Table, dataset
from ._values import Vocabulary
from ._watch import Observers, progress_bar, uninterrupted
from .curves import decision_curves
from .decisions import decisions
from .refine import grid_of
from .retention import retention
from .summary import summary
from .windows import windows

_TAKEN = ("outcome", "original", "status", "error", "source", "level", "repeat", "feature", "ou_time")


class ForwardReverseStudy:
    """When a model decides each feature: noise to a level, denoise, classify, again and again.

    For every source and level the forward-reverse experiment (LC24; LKC25, Definition 3) is repeated and
    its outcomes classified. `retention` is how often each feature keeps the source's value at each
    level, `windows` where it jumps, `decisions` when it is decided. The clone mode branches the model's
    own generation instead: each source is one generated trajectory, and the repeats are branches that
    follow it down to the level and then go their own way (BBBM24).

    A repeat's seed is a hash of the study's seed, the source's position, the level and the repeat's
    number: order, batches, workers and interruptions change no result. With `store`, finished cells
    are written as the study runs, and the same study on the same folder goes on where it stopped.

    Args:
        process: a `Process`, a mixture (under the Ornstein-Uhlenbeck process) or a diffusers pipeline.
        sources: clean samples, or how many to draw from the model. In clone mode the number of
            trajectories, or the states in which they start.
        classifier: `classifier(samples)` returns values by feature, `{feature: (B,)}`, or one array `(B,)`
            for the feature "label". Values are strings, integers or booleans. `None` reads the
            components of a known mixture with their features, and makes no samples.
        levels: noise levels to start with; spread over the process's index set when `None`.
        repeats: of each source at each level.
        mode: "forward_reverse" or "clone".
        seed: of everything.
        features: the values each feature can take; else `classifier.features`, else what comes.
        source_ids: one id for each source; 0, 1, ... when `None`.
        sources_info: columns over the sources, `{name: (S,)}`, for `by=`.
        store: folder of the study; nothing is written when `None`. Models and classifiers are told apart by
            their `fingerprint`, a text or a method that returns one, else by their name or repr.
        batch_size: samples in one call of the model at first; halved when memory runs out.
        refine: rounds in which levels are added halfway between those whose retention differs.
        tolerance: difference of retention that is refined.
        stop_width: a level gets no more repeats once the 95 % interval of each feature's retention is
            narrower. Asked after 4, 8, 16, ... repeats of all sources, so intervals cover a little less
            than they say.

    Raises:
        TypeError, ValueError: an argument is not as above; `store` holds another study, or one of a
            newer version.
    """

    _known_manifest: dict[str, Any] | None = None
    _described: tuple[str, str] | None = None

    def __init__(
        self,
        process: Any,
        sources: Any,
        classifier: Callable[[Any], Any] | None = None,
        levels: Any = None,
        repeats: int = 16,
        *,
        mode: str = FORWARD_REVERSE,
        seed: int = 0,
        features: Any = None,
        source_ids: Any = None,
        sources_info: Any = None,
        store: str | os.PathLike | None = None,
        batch_size: int | None = None,
        refine: int = 0,
        tolerance: float = 0.1,
        stop_width: float | None = None,
    ):
        self.process = _inputs.as_process(process)
        check_choice("mode", mode, MODES)
        if classifier is not None and not callable(classifier):
            raise TypeError(f"classifier must be a callable from samples to values, not {classifier!r}")
        self.classifier = classifier
        self._components = None
        if classifier is None:
            declared, self._components = _inputs.component_features(self.process)
        else:
            declared = _inputs.as_features(features, classifier)
        self._declared = declared
        start = _inputs.as_levels(levels, self.process)
        top = self.process.start_level if mode == CLONE else self.process.index.noise
        if start[-1] > top:
            raise ValueError(f"levels must not lie above {top:g}, where generation starts, but {start[-1]:g} does")
        self._settings = Settings(
            tuple(start.tolist()),
            check_count("repeats", repeats),
            check_count("seed", seed, 0),
            mode,
            self.process.index,
            check_count("refine", refine, 0),
            check_positive("tolerance", tolerance, 1.0),
            None if stop_width is None else check_eps(stop_width, "stop_width"),
        )
        rows = _inputs.default_rows(self.process, classifier) if batch_size is None else batch_size
        self._limit = Limit(check_count("batch_size", rows))
        self._given, self._states = sources, None
        if isinstance(sources, int | np.integer) and not isinstance(sources, bool):
            count, self._digest = check_count("sources", sources), f"{int(sources)} drawn"
        else:
            self._given, _ = _inputs.drawn_sources(self.process, sources, mode, seed, self._limit)
            count, self._digest = size_of(self._given), _inputs.digest(self._given)
        self._ids = _inputs.as_source_ids(source_ids, count)
        self._info = _inputs.as_info(sources_info, count, _TAKEN)
        self._begin(None if store is None else _store.Store(store))

    def _begin(self, store: _store.Store | None) -> None:
        """Set up what changes while the study runs, and read what the store knows already."""
        self._store, self._observers = store, Observers()
        self._table: Table | None = None
        self._sources: Any = None
        known = None if store is None else store.manifest()
        if known is not None and store is not None:
            if self.process is not None:
                same_study(known, self._manifest(), str(store.path))
            self._read(store)

    def _read(self, store: _store.Store) -> None:
        found = store.original()
        if found is None:
            return
        self._table = restored_original(found, self._settings.repeats, self._declared)
        for outcome in store.outcomes():
            self._table.put(outcome)

    # ---- running ----------------------------------------------------------------------------

    def run(
        self,
        *,
        budget_s: float | None = None,
        progress: bool = True,
        retry_failed: bool = False,
        executor: Any = None,
        client: Any = None,
        retries: int = 3,
    ) -> "ForwardReverseStudy":
        """Run the cells that are not done yet, and return the study.

        A cell whose model or classifier raises, or whose value is unknown or missing, is marked failed
        with its error, and the rest goes on. Interrupting keeps all finished cells.

        Args:
            budget_s: seconds after which no further cell is started; `None` runs to the end.
            progress: whether to show a bar with the time left.
            retry_failed: run failed cells again.
            executor: a `concurrent.futures.Executor` whose workers run the cells.
            client: a `dask.distributed.Client` whose cluster runs them, on other workers where one dies.
            retries: how often cells that raise on a cluster are tried again before the run ends.

        Raises:
            ValueError: the study was loaded without its model, or `executor` and `client` are both given.
            TypeError, ImportError: `client` is no client, cannot send the model, or dask is missing.
            MemoryError: a single sample does not fit in memory.
            RuntimeError: no source could be classified.
            OSError: the store cannot be written; results stay in memory.
        """
        if budget_s is not None:
            check_positive("budget_s", budget_s)
        executor = place_of(executor, client, retries)
        self._needs_model()
        start = time.perf_counter()
        if self._store is not None:
            self._store.begin(self._manifest())
        table = self._prepared()
        if retry_failed and table.forget_failures() and self._store is not None:
            self._store.compact(table, always=True)
        bar = progress_bar(progress)
        try:
            while self._round(
                table, bar, lambda: budget_s is not None and time.perf_counter() - start > budget_s, executor
            ):
                pass
            if self._store is not None:
                self._store.compact(table)
        finally:
            bar.close()
            try:
                if self._store is not None:
                    self._store.flush()
            finally:
                self._observers.tell(lambda: self.results, always=True)
        failed = self._number()[FAILED]
        if failed:
            warnings.warn(f"{failed} cells failed; study.summary() says why", stacklevel=2)
        return self

    def _round(self, table: Table, bar: Any, enough: Callable[[], bool], executor: Any) -> bool:
        """Run what is to be run next; return whether there may be more."""
        todo = plan(table, self._settings).todo
        if not todo:
            return False
        bar.total = bar.n + sum(len(repeats) * len(table.missing(level, repeats)) for level, repeats in todo)
        bar.refresh()
        blocks = blocks_of(todo, table, self._states, self._settings, self._limit.rows)
        work = self._work(table)
        with own_workers(work, bar.total - bar.n) as own:
            for outcome in execute(work, blocks, self._limit, enough, executor or own):
                with uninterrupted():
                    table.put(outcome)
                    if self._store is not None:
                        self._store.put(outcome)
                if self._store is not None:
                    self._store.flush(when_due=True)
                bar.update(outcome.codes.shape[0] * outcome.codes.shape[1])
                self._observers.tell(lambda: self.results)
        return not enough()

    def _work(self, table: Table | None) -> Work:
        features = self._declared
        if features is None and table is not None:
            features = dict.fromkeys(table.vocabulary.names, ())
        grid: tuple[float, ...] = ()
        if self._settings.mode == CLONE:
            grid = tuple(reversed(grid_of(list(self._settings.levels), self._settings.index, self._settings.refine)))
        return Work(self.process, self.classifier, features, self._components, self._settings.mode, grid)

    def _prepared(self) -> Table:
        """Draw the sources and classify them, unless that is done."""
        if self._states is None and self.process is not None:
            drawn = _inputs.drawn_sources(
                self.process, self._given, self._settings.mode, self._settings.seed, self._limit
            )
            self._states, self._known = drawn
        if self._table is None:
            self._needs_model()
            self._table = self._classified()
            if self._store is not None and self._store.manifest() is not None:
                self._store.put_original(original_dataset(self._table, self._ids, self._info))
        return self._table

    def _classified(self) -> Table:
        work, count = self._work(None), len(self._ids)
        if self._components is not None:
            which = self._known
            if which is None:
                seeds = self._paths()
                which = components_of(self.process, self.sources, self.process.index.clean, seeds)
            values, codes, errors = work.declared, self._components[np.asarray(which)], {}
        else:
            values, codes, errors = classify(work, self.sources, count, self._limit)
        if len(errors) == count:
            raise RuntimeError(
                f"the classifier failed on each of the {count} sources, first with {errors[min(errors)]}"
            )
        table = Table(count, self._settings.repeats, Vocabulary(self._declared or dict.fromkeys(values, ())))
        table.set_original(values, codes, errors)
        return table

    def _paths(self) -> np.ndarray:
        return path_seeds(source_seeds(self._settings.seed, np.arange(len(self._ids))))

    def _number(self) -> np.ndarray:
        """Return how many cells have each status."""
        table = self._prepared()
        where = plan(table, self._settings)
        return table.number(where.levels, where.stopped)

    def _needs_model(self) -> None:
        if self.process is None:
            raise ValueError(
                "this study was loaded without its model and can be looked at only; to go on, make it again with "
                "the same arguments and store="
            )

    # ---- what came of it --------------------------------------------------------------------

    @property
    def sources(self) -> Any:
        """The clean samples that the study starts from; in clone mode the trajectories' own ends."""
        self._needs_model()
        if self._states is None:
            drawn = _inputs.drawn_sources(
                self.process, self._given, self._settings.mode, self._settings.seed, self._limit
            )
            self._states, self._known = drawn
        if self._settings.mode != CLONE:
            return self._states
        if self._sources is None:
            self._sources = finish(self._work(self._table), self._states, self._paths(), self._limit)
        return self._sources

    @property
    def results(self) -> xr.Dataset:
        """All outcomes so far, over `(source, level, repeat, feature)`.

        `outcome` is an index into the feature's values (attribute `values`, JSON), -1 where there is
        none; `original` the value of the source itself; `status` of each cell is pending, done, failed
        or stopped (early, by `stop_width`); `error` says why a cell failed. What is returned is a copy.
        """
        table = self._prepared()
        where = plan(table, self._settings)
        times = _inputs.ou_times(self._settings.index, where.levels)
        about = attributes(self._settings, self._known_manifest or self._manifest())
        return dataset(table, where.levels, where.stopped, self._ids, self._info, about, times)

    def retention(self, feature=None, by=None, interval: str = "wilson", confidence: float = 0.95) -> xr.Dataset:
        """Return how often each feature keeps its value, with binomial intervals; see `studies.retention`."""
        return retention(self.results, feature, by, interval, confidence)

    def windows(self, jump: float = 0.5, feature=None, by=None, interval: str = "wilson") -> xr.Dataset:
        """Return where retention falls by more than `jump` between consecutive levels; see `studies.windows`."""
        return windows(self.results, jump, feature, by, interval)

    def decisions(self, feature=None, by=None, bootstrap: int = 200, confidence: float = 0.95, seed: int = 0):
        """Return when each feature is decided, with bootstrap intervals; see `studies.decisions`."""
        return decisions(self.results, feature, by, bootstrap, confidence, seed)

    def decision_curves(self, feature=None, bootstrap: int = 200, seed: int = 0) -> xr.Dataset:
        """Return what was measured in the layout of `critwin_widgets.decision_curves`; see `studies.curves`."""
        return decision_curves(self.results, feature, bootstrap, seed)

    def fairness(self, *args, **kwargs):
        """Return when an attribute is decided in each group; see `studies.fairness`."""
        from .fairness import fairness

        return fairness(self, *args, **kwargs)

    def membership(self, *args, **kwargs):
        """Return how retention tells training samples from others; see `studies.membership`."""
        from .membership import membership

        return membership(self, *args, **kwargs)

    def summary(self) -> str:
        """Return in plain words what is decided when, how many cells failed and why."""
        return summary(self.results, self._settings.index)

    def observe(self, callback: Callable[[xr.Dataset], Any]) -> Callable[[], None]:
        """Call `callback(results)` while the study runs, a few times a second at most, and at its end.

        Returns:
            A function that ends the calls.

        Raises:
            TypeError: `callback` is not callable.
        """
        return self._observers.add(callback)

    # ---- files ------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Write all results to one NetCDF file, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        _store.write_file(Path(path), self.results)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "ForwardReverseStudy":
        """Open a study's folder or saved file without its model, to look at.

        Raises:
            FileNotFoundError: there is nothing at `path`.
            ValueError: it holds no study, or one of a newer version.
        """
        from ._records import opened

        return opened(cls, Path(path))

    def _manifest(self) -> dict[str, Any]:
        if self._described is None:  # once: it reads the weights of a model, and each look at the results asks
            self._described = _inputs.describe(self.process), _inputs.describe(self.classifier)
        return manifest(self._settings, self._declared, self._digest, *self._described)

    def __repr__(self) -> str:
        asked, count = self._settings, len(self._ids)
        text = f"{count} sources, {len(asked.levels)} levels ({asked.index.name}), {asked.repeats} repeats"
        if self._table is None:
            return f"ForwardReverseStudy({text}; not run yet)"
        number = self._number()
        return f"ForwardReverseStudy({text}; {number[DONE]} of {number.sum()} cells done, {number[FAILED]} failed)"
