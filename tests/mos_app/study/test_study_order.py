"""The order of a rater: every rule, at the paper's size and in small."""

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats
from studies import paper_study

from mos_app.study.definition import Settings, Stimulus, Study, pictures_in
from mos_app.study.order import check_feasible, order_for, spread, trials_of
from sr_models.data.errors import InputError

SEEDS = 1000
REPEAT_SHARE = 0.05
LAG = 20


def small_study(versions: list[int], **chosen: object) -> Study:
    """A study whose pictures have these numbers of versions."""
    stimuli = tuple(
        Stimulus(
            id=f"{p}-{v}",
            dataset="d",
            picture=f"p{p}",
            method=f"m{v}",
            sha256="0" * 64,
            width=8,
            height=8,
            file="x",
        )
        for p, count in enumerate(versions)
        for v in range(count)
    )
    return Study(name="small", created="x", settings=Settings(**chosen), stimuli=stimuli)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def orders():
    """1000 raters of the paper's study, main phase, with 5 % hidden repeats: (study, orders)."""
    study = paper_study(repeat_share=REPEAT_SHARE)
    return study, [[t for t in order_for(study, n) if t.phase == "main"] for n in range(SEEDS)]


def test_no_picture_follows_itself_in_any_of_1000_orders(orders):
    study, listed = orders
    for order in listed:
        pictures = pictures_in(order, study)
        assert not any(a == b for a, b in itertools.pairwise(pictures))


def test_every_version_comes_once_and_the_repeats_on_top(orders):
    study, listed = orders
    everything = {item.id for item in study.stimuli}
    assert len(everything) == 12 * 19 + 9 * 100 == 1128
    for order in listed:
        first = Counter(t.stimulus for t in order if not t.repeat)
        again = Counter(t.stimulus for t in order if t.repeat)
        assert set(first) == everything
        assert set(first.values()) == {1}
        assert sum(again.values()) == round(REPEAT_SHARE * 1128) == 56
        assert set(again.values()) == {1}


def test_every_repeat_lies_beyond_the_lag_after_its_first_showing(orders):
    _, listed = orders
    for order in listed:
        places = {t.stimulus: i for i, t in enumerate(order) if not t.repeat}
        for place, trial in enumerate(order):
            if trial.repeat:
                assert place - places[trial.stimulus] > LAG


def test_positions_are_balanced_over_raters_by_a_chi_square_test(orders):
    """Each of the 1128 versions over tenths of the session, against the same share for all.

    Most versions must not stand out, and all together must not either: a version that came early for
    most raters would give a tiny p-value. The design is more even than chance, so p is near 1.
    """
    study, listed = orders
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(10))
    for order in listed:
        for place, trial in enumerate(t for t in order if not t.repeat):
            counts[trial.stimulus][place * 10 // len(study.stimuli)] += 1
    statistic = sum(stats.chisquare(count).statistic for count in counts.values())
    assert stats.chi2.sf(statistic, df=9 * len(counts)) > 0.01
    worst = min(stats.chisquare(count).pvalue for count in counts.values())
    assert worst > 0.01 / len(counts)


def test_methods_are_balanced_over_the_session(orders):
    study, listed = orders
    table = np.zeros((12, 10))
    for order in listed[:26]:
        for place, trial in enumerate(order):
            table[int(study.by_id[trial.stimulus].method[1:]), place * 10 // len(order)] += 1
    assert stats.chi2_contingency(table).pvalue > 0.01


def test_over_twelve_raters_each_version_falls_once_into_each_twelfth():
    study = small_study([12] * 20)
    tenths: dict[str, list[int]] = defaultdict(list)
    for number in range(12):
        for place, trial in enumerate(order_for(study, number)):
            tenths[trial.stimulus].append(place // 20)
    assert all(sorted(found) == list(range(12)) for found in tenths.values())


def test_an_order_is_the_same_every_time_and_differs_between_raters_and_seeds():
    study = paper_study()
    assert order_for(study, 3) == order_for(study, 3)
    assert order_for(study, 3) != order_for(study, 4)
    assert order_for(study, 3) != order_for(paper_study(seed=1), 3)


def test_practice_comes_first_with_both_ends_of_every_anchor():
    study = paper_study()
    order = order_for(study, 0)
    assert [t.phase for t in order] == ["calibration"] * 40 + ["main"] * 1128
    assert {t.stimulus for t in order[:40]} == {f"{end}{i}" for end in "wb" for i in range(20)}
    pictures = pictures_in(order[:40], study)
    assert not any(a == b for a, b in itertools.pairwise(pictures))


def test_pairs_are_all_shown_and_left_and_right_are_balanced():
    study = small_study([4] * 6, method="pairs")
    left: Counter[frozenset[str]] = Counter()
    for number in range(24):
        order = order_for(study, number)
        assert len(order) == 6 * 6
        left.update(frozenset((t.stimulus, str(t.other))) for t in order if t.stimulus < str(t.other))
    assert set(left.values()) == {12}


@settings(max_examples=200, deadline=None)
@given(versions=some.lists(some.integers(1, 7), min_size=2, max_size=8), number=some.integers(0, 40))
def test_any_feasible_study_has_an_order_without_adjacent_versions(versions, number):
    study = small_study(versions)
    if 2 * max(versions) > sum(versions) + 1:
        with pytest.raises(InputError, match="add pictures"):
            check_feasible(study)
        return
    order = order_for(study, number)
    pictures = pictures_in(order, study)
    assert not any(a == b for a, b in itertools.pairwise(pictures))
    assert Counter(t.stimulus for t in order) == Counter(item.id for item in study.stimuli)


@given(labels=some.lists(some.sampled_from("aabbcd"), max_size=30))
def test_spread_keeps_everything_and_separates_or_says_that_it_cannot(labels):
    if labels and 2 * max(Counter(labels).values()) > len(labels) + 1:
        with pytest.raises(InputError):
            spread(labels)
        return
    order = spread(labels)
    assert sorted(order) == list(range(len(labels)))
    assert not any(labels[a] == labels[b] for a, b in itertools.pairwise(order))


def test_repeats_that_cannot_fit_are_refused_when_the_study_is_made():
    with pytest.raises(InputError, match="lower --repeat-lag"):
        check_feasible(small_study([2, 2, 2], repeat_share=0.5, repeat_lag=20))


def test_dcr_pairs_every_version_with_the_original_of_its_picture():
    study = small_study([3, 3], method="dcr")
    reference = study.stimuli[0]
    with_references = Study(
        name="x",
        created="x",
        settings=study.settings,
        stimuli=study.stimuli,
        references=tuple(
            Stimulus(
                id=f"r{p}",
                dataset="d",
                picture=f"p{p}",
                method="hr",
                sha256="0" * 64,
                width=8,
                height=8,
                file="x",
            )
            for p in range(2)
        ),
    )
    assert reference.picture == "p0"
    for (_, picture), trials in trials_of(with_references).items():
        assert {trial.other for trial in trials} == {f"r{picture[1:]}"}
