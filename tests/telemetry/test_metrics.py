"""Metrics: the whole vocabulary is exposed, wrong labels harm nobody, and nothing grows."""

import pytest

from support.requirement import requirement
from tokenry.ports.events import Counted, Events, Level, Noted, Timed
from tokenry.telemetry import Metrics, Telemetry
from tokenry.telemetry.metrics import COUNTS, DURATIONS, LEVELS, MAX_LABEL_SETS


@pytest.fixture
def metrics():
    return Metrics()


def shown(metrics):
    return metrics.render().decode()


@requirement("R-64")
def test_the_whole_vocabulary_has_a_metric(metrics):
    assert set(COUNTS) == set(Counted)
    assert set(LEVELS) == set(Level)
    assert set(DURATIONS) == set(Timed)
    for word in (*Counted, *Level, *Timed):
        assert f"# TYPE tokenry_{word}" in shown(metrics)


def test_counts_levels_and_durations_are_shown_with_their_labels(metrics):
    events: Events = Telemetry(metrics)
    events.count(Counted.REFUSED, endpoint="token", code="invalid_client")
    events.count(Counted.REFUSED, 2, code="invalid_client", endpoint="token")
    events.level(Level.VERIFIER_LAG, 0.25, resource_server="orders")
    events.took(Timed.FEED_PUBLISH, 0.0015)
    text = shown(metrics)
    assert 'tokenry_requests_refused_total{code="invalid_client",endpoint="token"} 3.0' in text
    assert 'tokenry_verifier_lag_seconds{resource_server="orders"} 0.25' in text
    assert 'tokenry_feed_publish_seconds_bucket{le="0.002"} 1.0' in text
    assert 'tokenry_feed_publish_seconds_bucket{le="0.001"} 0.0' in text


def test_telling_never_raises_for_labels(metrics):
    metrics.count(Counted.REVOKED)
    metrics.count(Counted.REVOKED, kind="jti", surplus="left out")
    metrics.count(Counted.FRAME_PUBLISHED, surplus="left out")
    assert 'tokenry_revocations_total{kind=""} 1.0' in shown(metrics)
    assert 'tokenry_revocations_total{kind="jti"} 1.0' in shown(metrics)


@requirement("G-8")
def test_labels_that_never_end_do_not_make_metrics_grow_for_ever(metrics):
    for number in range(MAX_LABEL_SETS + 50):
        metrics.count(Counted.REVOKED, kind=str(number))
    text = shown(metrics)
    assert text.count("tokenry_revocations_total{") == MAX_LABEL_SETS + 1
    assert 'tokenry_revocations_total{kind="other"} 50.0' in text


def test_a_watched_level_and_what_is_told_before_a_scrape_are_read_then(metrics):
    depth = [3]
    metrics.watch(Level.COMMIT_QUEUE_DEPTH, lambda: depth[0])
    metrics.before_scrape.append(lambda: metrics.level(Level.FEED_SUBSCRIBERS, depth[0] * 2))
    depth[0] = 7
    assert "tokenry_commit_queue_depth 7.0" in shown(metrics)
    assert "tokenry_feed_subscribers 14.0" in shown(metrics)


def test_two_nodes_in_one_process_do_not_share_metrics(metrics):
    Metrics().count(Counted.TICK_FAILED)
    assert "tokenry_ticks_failed_total 0.0" in shown(metrics)


def test_every_weight_can_be_noted(metrics):
    for weight in Noted:
        Telemetry(metrics).note(weight, "something happened", error=ValueError("why"), count=1)
