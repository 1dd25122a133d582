"""What operators watch, in Prometheus' words. One registry per service, so that two in one process stay
apart.
"""

import resource
import sys
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import product
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from knowtrace.service.door import Door
from knowtrace.service.record import RequestRecord
from knowtrace.store import Errand, JobPriority, JobStatus, Waiting
from knowtrace.tracing.answers import Outcome
from knowtrace.tracing.committed import Committed
from knowtrace.tracing.drift import Drift
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.quality import LiveQuality

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
JOB_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400)
EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
BATCHES = ((1, "single"), (10, "small"), (50, "medium"))
"""The most requests of each range; a larger call is `large`."""

STATM = Path("/proc/self/statm")
"""Linux'; elsewhere only the peak is known."""


class StateCacheFailure(StrEnum):
    """What the shared cache of states did not do; every one of them costs a read of the database, or nothing."""

    UNREAD = "unread"
    UNWRITTEN = "unwritten"
    NOT_FORGOTTEN = "not_forgotten"
    LEFT_ALONE = "left_alone"
    DROPPED = "dropped"
    BROKEN = "broken"


class Delivery(StrEnum):
    """What became of a message: it arrived, is to be tried again, or was given up."""

    DELIVERED = "delivered"
    DELAYED = "delayed"
    DEAD = "dead"


class _LoadSeconds(Collector):
    """What a gauge of its own would keep of models that are not loaded any more."""

    def __init__(self, loaded: Callable[[], Sequence[tuple[str, float]]]) -> None:
        self._loaded = loaded

    def describe(self) -> Iterable[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "ml_model_load_duration_seconds", "Time to open each loaded model", labels=["model_version"]
        )

    def collect(self) -> Iterable[Metric]:
        [found] = self.describe()
        for version, seconds in self._loaded():
            found.add_metric([version], seconds)
        yield found


class Metrics:
    """The service's counters; `text` is what GET /metrics answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.num_requests = 0
        self.num_accepted = 0
        self.num_fallbacks = 0
        self._figures: dict[str, Callable[[], float]] = {}
        r = self.registry
        self._requests = Counter(
            "knowtrace_http_requests_total", "Requests answered", ["method", "route", "status"], registry=r
        )
        self._refused = Counter(
            "knowtrace_requests_refused_total", "Requests sent away because too many were waiting", registry=r
        )
        self._predictions = Counter(
            "ml_prediction_requests_total",
            "Answers computed by the model",
            ["route", "model_version", "batch_size_range"],
            registry=r,
        )
        self._prediction_seconds = Histogram(
            "ml_prediction_duration_seconds", "Time to such an answer", ["route"], registry=r, buckets=SECONDS
        )
        self._errors = Counter(
            "ml_errors_total",
            "Requests the service failed on",
            ["status", "error_type", "model_version"],
            registry=r,
        )
        self._cache = Counter(
            "ml_cache_operations_total", "Look-ups in a cache", ["cache", "operation", "result"], registry=r
        )
        self._state_cache_failures = Counter(
            "knowtrace_state_cache_failures_total",
            "States that the shared cache could not give or take",
            ["failure"],
            registry=r,
        )
        for failure in StateCacheFailure:
            self._state_cache_failures.labels(failure)
        self.active_models = Gauge("ml_active_models", "Models that answer", registry=r)
        memory = Gauge("ml_memory_usage_bytes", "Resident memory, and the most so far", ["type"], registry=r)
        memory.labels("peak").set_function(_peak_memory)
        if STATM.exists():
            memory.labels("resident").set_function(_resident_memory)
        self._failures = Counter(
            "knowtrace_model_failures_total", "Times a model failed", ["version"], registry=r
        )
        self._fallbacks = Counter(
            "knowtrace_fallbacks_total",
            "Answers that another model than the first gave",
            ["model"],
            registry=r,
        )
        self._shadow = Histogram(
            "knowtrace_shadow_difference",
            "How far the shadow's predictions are from the answered ones, on average",
            ["version"],
            registry=r,
            buckets=SHARES,
        )
        self._shadows_left_out = Counter(
            "knowtrace_shadows_left_out_total", "Answers that the shadow did not compute", registry=r
        )
        self._rollbacks = Counter(
            "knowtrace_rollbacks_total", "Canaries withdrawn by their guardrails", registry=r
        )
        self._events = Counter("knowtrace_events_total", "Answers received", ["outcome"], registry=r)
        self._records = Counter(
            "knowtrace_learning_records_total",
            "Statements and events of the standards received",
            ["standard", "kind"],
            registry=r,
        )
        self._waiting = Gauge(
            "knowtrace_intake_waiting_events", "Answers queued or being committed", registry=r
        )
        self._commit_seconds = Histogram(
            "knowtrace_commit_duration_seconds", "One transaction of the writer", registry=r, buckets=SECONDS
        )
        self._commit_events = Histogram(
            "knowtrace_commit_events", "Events in one transaction", registry=r, buckets=EVENTS
        )

        self._queue = Gauge(
            "knowtrace_jobs_waiting", "Jobs that wait or are worked on", ["errand", "priority"], registry=r
        )
        for errand, priority in product(Errand, JobPriority):
            self._queue.labels(errand, priority).set(0)
        self._job_seconds = Histogram(
            "knowtrace_job_duration_seconds",
            "From the submission of a job to its end",
            ["kind", "status"],
            registry=r,
            buckets=JOB_SECONDS,
        )
        self._job_failures = Counter("knowtrace_job_failures_total", "Jobs that failed", ["kind"], registry=r)
        self._schedule_runs = Counter(
            "knowtrace_schedule_runs_total",
            "Runs of schedules that this process ended",
            ["schedule", "outcome"],
            registry=r,
        )
        self._lanes = Gauge(
            "knowtrace_delivery_lanes_waiting",
            "Students of whom a destination is still to hear, of all processes",
            registry=r,
        )
        self._messages = Counter(
            "knowtrace_messages_total",
            "Messages to other systems, by what became of them",
            ["outcome"],
            registry=r,
        )
        for outcome in Delivery:
            self._messages.labels(outcome)

    def observe_request(
        self, method: str, route: str, status: int, seconds: float, *, model_version: str, of: RequestRecord
    ) -> None:
        """Count an answered request; `of` is what is known of it besides."""
        self.num_requests += 1
        self._requests.labels(method, route, status).inc()
        if of.inference_time_ms is not None:
            size = next((name for most, name in BATCHES if of.batch_size <= most), "large")
            self._predictions.labels(route, model_version, size).inc()
            self._prediction_seconds.labels(route).observe(seconds)
        if status >= 500:
            self._errors.labels(status, of.error_type or "unknown", model_version).inc()

    def refused(self) -> None:
        self._refused.inc()

    def model_failed(self, version: str) -> None:
        self._failures.labels(version).inc()

    def fell_back(self, model: str) -> None:
        self.num_fallbacks += 1
        self._fallbacks.labels(model).inc()

    def shadow_compared(self, version: str, difference: float) -> None:
        self._shadow.labels(version).observe(difference)

    def shadow_left_out(self) -> None:
        self._shadows_left_out.inc()

    def rolled_back(self) -> None:
        self._rollbacks.inc()

    def queue_seen(self, waiting: Sequence[Waiting]) -> None:
        found = {(w.errand, w.priority): w.num_jobs for w in waiting}
        for errand, priority in product(Errand, JobPriority):
            self._queue.labels(errand, priority).set(found.get((errand, priority), 0))

    def job_ended(self, kind: str, status: str, seconds: float) -> None:
        self._job_seconds.labels(kind, status).observe(seconds)
        if status == JobStatus.FAILED:
            self._job_failures.labels(kind).inc()

    def watch_schedules(self, names: Iterable[str], outcomes: Iterable[str]) -> None:
        """Show the schedules that run here from the start: an increase from nothing is none to Prometheus."""
        for name, outcome in product(names, outcomes):
            self._schedule_runs.labels(name, outcome)

    def schedule_ended(self, name: str, outcome: str) -> None:
        self._schedule_runs.labels(name, outcome).inc()

    def observe_commit(self, committed: Committed) -> None:
        for outcome, count in Tally(result.outcome for result in committed.results).items():
            self._events.labels(outcome).inc(count)
            if outcome is Outcome.ACCEPTED:
                self.num_accepted += count
        self._commit_seconds.observe(committed.seconds)
        self._commit_events.observe(len(committed.events))
        self._cache.labels("student_state", "get", "hit").inc(committed.cache_hits)
        self._cache.labels("student_state", "get", "miss").inc(committed.cache_misses)

    def looked_for_shared_state(self, *, is_hit: bool) -> None:
        self.looked_in("shared_state", is_hit)

    def looked_at(self, is_remembered: bool) -> None:
        self.looked_in("followed_state", is_remembered)

    def looked_in(self, cache: str, is_hit: bool) -> None:
        self._cache.labels(cache, "get", "hit" if is_hit else "miss").inc()

    def lanes_seen(self, count: int) -> None:
        self._lanes.set(count)

    def messages_settled(self, outcome: Delivery, count: int = 1) -> None:
        self._messages.labels(outcome).inc(count)

    def state_cache_failed(self, failure: StateCacheFailure, count: int = 1) -> None:
        self._state_cache_failures.labels(failure).inc(count)

    def observe_rejections(self, count: int) -> None:
        self._events.labels(Outcome.REJECTED).inc(count)

    def observe_records(self, standard: str, kinds: Mapping[str, int]) -> None:
        for kind, count in kinds.items():
            self._records.labels(standard, kind).inc(count)

    def watch(self, intake: Intake, quality: LiveQuality, drift: Drift) -> None:
        """Show how many answers wait, how well the stored ones were predicted, how they differ from training."""
        self._waiting.set_function(lambda: intake.num_waiting)
        shown: dict[str, tuple[str, Callable[[], float]]] = {
            "knowtrace_live_auc": ("AUC of predictions made before the answers came", quality.auc),
            "knowtrace_live_calibration_error": (
                "Calibration error of such predictions",
                quality.calibration_error,
            ),
            "knowtrace_live_scored_answers": ("Answers behind both", lambda: quality.num_scored),
            "knowtrace_drift_unseen_share": ("Answers to items that training never saw", drift.unseen_share),
            "knowtrace_drift_mix_shift": (
                "Stability index of the items' training difficulty",
                drift.mix_shift,
            ),
            "knowtrace_drift_score_shift": (
                "Mean score less that of the same items in training",
                drift.score_shift,
            ),
        }
        for name, (meaning, figure) in shown.items():
            Gauge(name, meaning, registry=self.registry).set_function(figure)
            self._figures[name] = figure

    def figures(self) -> dict[str, float]:
        """Return live quality and drift by the names of their metrics; NaN where too few answers have come."""
        return {name: float(figure()) for name, figure in self._figures.items()}

    def watch_models(self, loaded: Callable[[], Sequence[tuple[str, float]]]) -> None:
        """Show the models that are loaded, version and seconds of opening each."""
        self.active_models.set_function(lambda: len(loaded()))
        self.registry.register(_LoadSeconds(loaded))

    def watch_door(self, door: Door) -> None:
        Gauge(
            "knowtrace_requests_inside", "Requests that wait for their answers", registry=self.registry
        ).set_function(lambda: door.num_inside)

    def text(self) -> bytes:
        return generate_latest(self.registry)


def _resident_memory() -> float:
    return int(STATM.read_text().split()[1]) * float(resource.getpagesize())


def _peak_memory() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024.0
