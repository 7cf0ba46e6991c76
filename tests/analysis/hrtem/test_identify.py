"""Identification, on spots made from the lattices themselves."""

from __future__ import annotations

import numpy as np
import pytest

import beamside.analysis.hrtem.identify as identify_module
from beamside.analysis.hrtem.candidates import Candidates, candidates
from beamside.analysis.hrtem.correction import Correction
from beamside.analysis.hrtem.evidence import Spots
from beamside.analysis.hrtem.gather import Prior, gather
from beamside.analysis.hrtem.identify import Identity, identify
from beamside.analysis.hrtem.phases import load_phase

from .lattices import seen

PRIOR = Prior(scale_tolerance=0.01, strain=0.004, distortion=0.003, unknown=0.1, k_max=8.3)


@pytest.fixture(scope="module")
def known() -> Candidates:
    return candidates("li-sei", None, 8.3)


def zone(
    name: str, uvw: tuple[int, int, int], turn: float, many: int = 5, mirror: bool = False
) -> np.ndarray:
    """Spots (complex, kx + i ky) of the strongest reflections of a zone, one of each pair."""
    phase = load_phase(name, None, 7.0)
    rows = (phase.hkl @ np.array(uvw)) == 0
    hkl, strength = phase.hkl[rows], phase.amplitude[rows]
    half = (np.sign(hkl) @ (9, 3, 1)) > 0
    hkl, strength = hkl[half], strength[half]
    hkl = hkl[np.argsort(-strength, kind="stable")][:many]
    g = phase.g(hkl)
    along = g[0] / np.linalg.norm(g[0])
    normal = np.linalg.svd(g)[2][-1]
    across = np.cross(normal, along)
    spots = (g @ along + 1j * (g @ across)) * np.exp(1j * turn)
    return np.asarray(np.conj(spots) if mirror else spots)


def power(name: str, uvw: tuple[int, int, int], many: int = 5) -> np.ndarray:
    """|F|^2 of the same reflections."""
    phase = load_phase(name, None, 7.0)
    here = ((phase.hkl @ np.array(uvw)) == 0) & ((np.sign(phase.hkl) @ (9, 3, 1)) > 0)
    return np.asarray(np.sort(phase.amplitude[here])[::-1][:many] ** 2)


def weigh(
    groups: list[np.ndarray],
    known: Candidates,
    prior: Prior = PRIOR,
    sigma: float = 0.01,
    power: list[np.ndarray] | None = None,
) -> Identity:
    """Identify groups of spots, of given power over the strongest, else by no known structure."""
    k = np.concatenate(groups)
    number = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    flat = np.ones(len(k))
    falling = [np.exp(-0.5 * np.arange(len(g))) for g in groups]
    snr = np.maximum(400 * np.concatenate(power or falling), 20)
    return identify(gather(k, sigma * flat, snr, 8 * flat, number, prior), known, prior)


@pytest.mark.parametrize(
    ("name", "uvw"),
    [
        ("Li", (0, 0, 1)),
        ("Li", (1, 1, 1)),
        ("Li2O", (0, 1, 1)),
        ("LiF", (0, 1, 1)),
        ("Li2S", (1, 1, 2)),
        ("LiOH", (1, 0, 0)),
        ("Li2CO3", (1, 0, 1)),
        ("Li2CO3", (0, 1, 0)),
        ("Li3N", (1, 0, 0)),
        ("Li2O2", (1, 0, 0)),
        ("Cu", (0, 1, 1)),
    ],
)
@pytest.mark.parametrize("mirror", [False, True])
def test_a_zone_is_identified_in_any_orientation(
    name: str, uvw: tuple[int, int, int], mirror: bool, known: Candidates
) -> None:
    rng = np.random.default_rng(sum(map(ord, name)) + sum(uvw))
    spots = zone(name, uvw, rng.uniform(0, 6), mirror=mirror)
    spots = spots * rng.choice([-1, 1], len(spots))
    spots = spots + 0.005 * (rng.standard_normal(len(spots)) + 1j * rng.standard_normal(len(spots)))
    found = weigh([spots], known, power=[power(name, uvw)])
    assert known.names[int(found.best[0])] == name
    assert found.posterior[0, known.names.index(name)] > 0.5
    assert found.explained[0].all()
    phase = load_phase(name, None, 8.3)
    assert np.allclose(np.linalg.norm(phase.g(found.hkl[0]), axis=1), np.abs(spots), rtol=0.02)
    assert (found.hkl[0] @ found.zone[0] == 0).all()


def test_posteriors_add_up_to_one(known: Candidates) -> None:
    found = weigh([zone("LiF", (0, 1, 1), 0.3), zone("Li", (0, 0, 1), 1.0)[:1]], known)
    assert np.allclose(found.posterior.sum(axis=1), 1)
    assert found.line.tolist() == [False, True]


def test_groups_that_are_as_they_were_are_not_read_again_and_mean_the_same(
    known: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    k = np.concatenate(
        [zone("Li", (0, 0, 1), 0.3), zone("Li2O", (0, 1, 1), 1.0), zone("LiF", (0, 1, 1), 2.0)[:1]]
    )
    flat = np.ones(len(k))
    first = np.repeat([0, 1, 2], [4, 4, 1])
    split = np.where(np.arange(len(k)) % 4 < 2, first, 3)  # spots of two groups become a fourth
    before, after = (gather(k, 0.01 * flat, 99 * flat, 8 * flat, g, PRIOR) for g in (first, split))
    anew = identify(after, known, PRIOR)
    read: list[int] = []
    original = identify_module._votes
    ballot = identify(before, known, PRIOR).ballot

    def counted(spots: Spots, *more: object) -> object:
        read.append(len(spots.k))
        return original(spots, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(identify_module, "_votes", counted)
    again = identify(after, known, PRIOR, ballot)
    assert read == [3]  # all but the single spot
    for name in ("posterior", "residual", "strain", "correction", "covariance"):
        np.testing.assert_allclose(getattr(again, name), getattr(anew, name), atol=1e-9)
    for name in ("hkl", "explained", "zone", "best"):
        np.testing.assert_array_equal(getattr(again, name), getattr(anew, name))


def test_a_lattice_that_is_no_candidate_is_unknown(known: Candidates) -> None:
    rng = np.random.default_rng(1)
    unknown = []
    for _ in range(30):
        a, b = rng.uniform(2.2, 4.5, 2)
        angle = rng.uniform(0.9, 1.6)
        one, two = a * np.exp(0.2j), b * np.exp(1j * (0.2 + angle))
        unknown.append(np.array([one, two, one + two, one - two]))
    found = weigh(unknown, known)
    assert np.mean(found.posterior[:, -1] > 0.5) > 0.7
    assert np.mean(found.posterior[:, :-1].max(axis=1) > 0.9) < 0.1


def test_a_single_spot_gives_every_phase_that_fits(known: Candidates) -> None:
    d_li, d_carbonate = 0.24814, 0.24884
    found = weigh([np.array([1 / np.mean([d_li, d_carbonate]) + 0j])], known)
    posterior = dict(zip(known.names, found.posterior[0], strict=False))
    assert posterior["Li"] > 0.05
    assert posterior["Li2CO3"] > 0.02
    assert found.posterior[0].max() < 0.9
    assert found.line[0]


def test_a_single_spot_that_nothing_fits_is_unknown(known: Candidates) -> None:
    found = weigh([np.array([1 / 0.60 + 0j])], known)
    assert found.posterior[0, -1] > 0.99


def test_a_wrong_scale_is_found_from_several_grains_and_identification_survives(
    known: Candidates,
) -> None:
    names = ["LiF", "Li2O", "Li", "LiOH", "Li2CO3"]
    zones = [(0, 1, 1), (0, 1, 1), (0, 0, 1), (1, 0, 0), (1, 0, 1)]
    prior = Prior(0.02, 0.004, 0.003, 0.1, 8.3)
    for scale in (-0.03, 0.02):
        groups = [
            zone(name, uvw, n) * (1 + scale)
            for n, (name, uvw) in enumerate(zip(names, zones, strict=True))
        ]
        light = [power(*of) for of in zip(names, zones, strict=True)]
        found = weigh(groups, known, prior, power=light)
        sigma = float(np.sqrt(found.covariance[0, 0]))
        assert found.correction[0] == pytest.approx(scale, abs=3 * sigma)
        assert sigma < 0.005
        right = [
            known.names[int(best)] == name for best, name in zip(found.best, names, strict=True)
        ]
        assert sum(right) >= 4


def test_doubt_about_the_scale_becomes_doubt_about_fcc_phases(known: Candidates) -> None:
    """All fcc phases share their angles: LiF and LiH differ by 1.4 % of scale and nothing else."""
    spots = zone("LiF", (0, 1, 1), 0.4)
    light = [power("LiF", (0, 1, 1))]
    sure = weigh([spots], known, Prior(0.002, 0.001, 0.001, 0.1, 8.3), 0.003, light)
    vague = weigh([spots], known, Prior(0.03, 0.004, 0.003, 0.1, 8.3), power=light)
    index = known.names.index("LiF")
    assert sure.posterior[0, index] > 0.85  # the rest: a phase that is not listed
    assert sure.posterior[0, known.names.index("LiH")] < 0.1
    assert vague.posterior[0, index] < 0.9
    assert vague.posterior[0, known.names.index("LiH")] > 0.1


def test_a_stray_spot_does_not_hide_the_phase(known: Candidates) -> None:
    spots = np.append(zone("Li2O", (0, 1, 1), 0.7), 2.2 * np.exp(2.9j))
    found = weigh([spots], known)
    assert known.names[int(found.best[0])] == "Li2O"
    assert found.explained[0, :-1].all()
    assert not found.explained[0, -1]


def test_the_cold_moves_lithium() -> None:
    cold, warm = (candidates(("Li",), kelvin, 8.3) for kelvin in (78.0, 298.0))
    spots = zone("Li", (0, 0, 1), 0.2) * (0.35092 / 0.3491)
    prior = Prior(0.001, 0.0005, 0.0005, 0.1, 8.3)
    fits = [weigh([spots], known, prior, sigma=0.002) for known in (cold, warm)]
    assert fits[0].residual[0] < fits[1].residual[0]


def test_anisotropic_and_sheared_pixels_are_found_and_identification_survives(
    known: Candidates,
) -> None:
    names = ["LiF", "Li2O", "Li", "LiOH", "Li2CO3", "Cu"]
    zones = [(0, 1, 1), (0, 1, 1), (0, 0, 1), (1, 0, 0), (1, 0, 1), (0, 1, 1)]
    wrong = Correction(0.0, 0.03, -0.01)
    true = [zone(name, uvw, n) for n, (name, uvw) in enumerate(zip(names, zones, strict=True))]
    light = [power(*of) for of in zip(names, zones, strict=True)]
    found = weigh([seen(k, wrong) for k in true], known, power=light)
    assert [known.names[int(best)] for best in found.best] == names
    sigma = np.sqrt(np.diag(found.covariance))
    assert (np.abs(found.correction - wrong.values) < 3 * sigma + 0.002)[1:].all()
    assert (sigma[1:] < 0.008).all()


def test_the_strain_of_a_grain_is_that_which_the_others_do_not_share(known: Candidates) -> None:
    names, zones = ["LiOH", "Li2O", "Li", "Li2CO3"], [(1, 0, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)]
    strain = Correction(0.006, 0.008, 0.0)
    true = [zone(name, uvw, n) for n, (name, uvw) in enumerate(zip(names, zones, strict=True))]
    light = [power(*of) for of in zip(names, zones, strict=True)]
    # A lattice stretched as the image would be by pixels that are larger.
    true[1] = strain.k(true[1])
    prior = Prior(0.003, 0.004, 0.0005, 0.1, 8.3, 0.003, 0.003)
    found = weigh(true, known, prior, 0.001, light)
    assert np.allclose(found.strain[1], strain.values, atol=0.003)
    others = found.strain[[0, 2, 3]]
    assert (np.abs(others) < 3 * found.strain_sigma[[0, 2, 3]]).all()


def test_the_strengths_of_spots_tell_phases_of_one_lattice_apart() -> None:
    """NaF and Li2O: cells 0.5 % apart, but 200 is the strongest of the one and next to nothing of
    the other.
    """
    both = candidates(("NaF", "Li2O"), None, 8.3)
    for name in both.names:
        found = weigh([zone(name, (0, 1, 1), 0.4)], both, power=[power(name, (0, 1, 1))])
        assert both.names[int(found.best[0])] == name
        assert found.posterior[0].max() > 0.8


def test_what_is_abundant_in_the_image_is_likelier_elsewhere(known: Candidates) -> None:
    lithium = [zone("LiF", (0, 0, 1), n) for n in range(4)]
    light = [power("LiF", (0, 0, 1))] * 4
    row = np.array([zone("LiF", (0, 0, 1), 0.7)[0]])
    alone = weigh([row], known)
    among = weigh([row, *lithium], known, power=[np.ones(1), *light])
    index = known.names.index("LiF")
    assert among.posterior[0, index] > alone.posterior[0, index]


def test_grains_of_an_unlisted_phase_do_not_confirm_each_other(known: Candidates) -> None:
    """Na2O has the structure of Li2S, 3 % smaller: with nothing else that fits, it is no Li2S."""
    zones = ((0, 1, 1), (0, 0, 1), (1, 1, 2), (1, 1, 1))
    groups = [zone("Na2O", uvw, n) for n, uvw in enumerate(zones)]
    light = [power("Na2O", uvw) for uvw in zones]
    turned = zone("Li", (0, 0, 1), 0.5)
    nothing = [turned.real * size + 1.17j * turned.imag * size for size in (0.71, 0.83, 1.31)]
    prior = Prior(0.02, 0.004, 0.002, 0.1, 8.3)
    found = weigh([*groups, *nothing], known, prior, 0.003, [*light, *[power("Li", (0, 0, 1))] * 3])
    assert (found.posterior[:4, known.names.index("Li2S")] < 0.9).all()


def test_the_scale_that_others_give_tells_a_listed_phase_from_one_of_its_structure(
    known: Candidates,
) -> None:
    zones = ((0, 1, 1), (0, 0, 1), (1, 1, 2))
    groups = [zone("Li2S", uvw, n) for n, uvw in enumerate(zones)]
    light = [power("Li2S", uvw) for uvw in zones]
    others = [zone("Li", (0, 0, 1), 0.2), zone("LiOH", (1, 0, 0), 0.6), zone("Cu", (0, 1, 1), 1.3)]
    shine = [power("Li", (0, 0, 1)), power("LiOH", (1, 0, 0)), power("Cu", (0, 1, 1))]
    prior = Prior(0.02, 0.004, 0.002, 0.1, 8.3)
    found = weigh([*groups, *others], known, prior, 0.003, [*light, *shine])
    assert (found.posterior[:3, known.names.index("Li2S")] > 0.9).all()


def test_a_single_spot_is_named_by_the_other_grains_but_not_where_it_is_a_copy(
    known: Candidates,
) -> None:
    """Spots of Li (110): one of a grain of its own, and what the lens carried off another."""
    lithium = [zone("Li", (0, 0, 1), n) for n in (0.0, 0.4, 0.8)]
    light = [power("Li", (0, 0, 1))] * 3
    own, copy = lithium[0][:1] * np.exp(0.2j), -lithium[1][:1] * 1.004
    found = weigh([own, copy, *lithium], known, power=[np.ones(1), np.full(1, 0.1), *light])
    index = known.names.index("Li")
    assert found.line.tolist() == [True, True, False, False, False]
    assert found.posterior[0, index] > 0.8
    assert found.posterior[1, -1] > 0.5


def test_a_faint_spot_alone_is_doubtful(known: Candidates) -> None:
    spots = [zone("Li", (0, 0, 1), 0.3)[:1]]
    bright, faint = (weigh(spots, known, power=[np.full(1, p)]) for p in (1.0, 0.045))
    assert faint.posterior[0, -1] > bright.posterior[0, -1]


def test_a_row_whose_spots_are_at_no_orders_of_one_spacing_is_doubtful(known: Candidates) -> None:
    first = zone("Li", (0, 0, 1), 0.3)[0]
    even, uneven = (weigh([first * np.array([1.0, more])], known) for more in (2.0, 1.07))
    assert uneven.posterior[0, -1] > 2 * even.posterior[0, -1]


def test_the_twin_of_a_spot_is_of_another_grain_and_far_weaker() -> None:
    k = np.array([4.0, -4.05, 4.05, 4.0j])
    group, snr = np.array([0, 0, 1, 2]), np.array([900.0, 100.0, 70.0, 60.0])
    spots = gather(k, np.full(4, 0.01), snr, np.full(4, 8.0), group, PRIOR)
    assert spots.twin[spots.valid].tolist() == [False, False, True, False]


def test_the_structure_of_a_candidate_with_another_cell_is_unknown(known: Candidates) -> None:
    """Rock salt, 5 % larger than LiF, beside grains that fix the scale."""
    names, zones = ["Li", "LiOH", "Li2CO3", "Li2O"], [(0, 0, 1), (1, 0, 0), (1, 0, 1), (0, 1, 1)]
    groups = [zone(name, uvw, n) for n, (name, uvw) in enumerate(zip(names, zones, strict=True))]
    light = [power(*of) for of in zip(names, zones, strict=True)]
    stranger = zone("LiF", (0, 1, 1), 0.4) / 1.05
    prior = Prior(0.01, 0.004, 0.002, 0.1, 8.3)
    found = weigh([*groups, stranger], known, prior, 0.003, [*light, power("LiF", (0, 1, 1))])
    assert found.posterior[-1, -1] > 0.5
    assert (found.posterior[:-1, -1] < 0.5).all()
