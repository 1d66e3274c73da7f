//! The E-model, ITU-T G.107, with every input but loss and delay at its default: from what the
//! network did to R, and from R to the mean opinion score (Annex B).
//!
//! `R = 93.2 - Id - Ie,eff`. 93.2 is R0 - Is with the defaults of G.107 (Table 3).
//! `Ie,eff = Ie + (95 - Ie) * Ppl / (Ppl / BurstR + Bpl)`, G.107 equation 7-29, with Ppl in percent.
//! `Id = 0.024 d + 0.11 (d - 177.3) H(d - 177.3)` is the line through G.107's delay impairment that
//! Cole and Rosenbluth drew ("Voice over IP performance monitoring", 2001), d in ms from mouth to ear.
//!
//! All legs stand on the one scale of narrowband telephony, so that their scores compare; what
//! `docs/decisions/21-quality-on-one-scale.md` says of wideband codecs holds.

use terms::media::Codec;

/// R without delay and loss.
const R_MAX: f64 = 93.2;

/// How a codec stands loss, ITU-T G.113 Appendix I.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Robustness {
    /// Equipment impairment without loss, Ie.
    pub impairment: f64,
    /// Packet-loss robustness, Bpl.
    pub loss_robustness: f64,
}

impl Robustness {
    /// Of a codec as we decode it.
    pub fn of(codec: Codec) -> Robustness {
        match codec {
            // G.113 Appendix I, Tables I.1 and I.2: G.711 with the concealment of its Appendix I.
            Codec::Pcma | Codec::Pcmu => Robustness { impairment: 0.0, loss_robustness: 25.1 },
            // G.113 gives these none on this scale: its values for G.722 are for the scale of
            // G.107.1, L16 and Opus are not in it. No narrowband impairment is assumed, and the
            // robustness of the concealment that G.711 has, which is the least that they have here.
            Codec::G722 | Codec::L16 | Codec::L16Narrow | Codec::Opus => {
                Robustness { impairment: 0.0, loss_robustness: 25.1 }
            }
            // G.113 Appendix I: G.729A, with and without VAD. A description does not say which of
            // the two coders the other side has; ours is that of Annex A.
            Codec::G729 => Robustness { impairment: 11.0, loss_robustness: 19.0 },
        }
    }
}

/// Impairment by delay, Id, from one way in ms.
pub fn delay_impairment(delay_ms: f64) -> f64 {
    0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0)
}

/// Impairment by codec and loss, Ie,eff, from loss in percent and the burst ratio.
pub fn loss_impairment(robustness: Robustness, lost_percent: f64, burst_ratio: f64) -> f64 {
    if lost_percent <= 0.0 {
        return robustness.impairment;
    }
    let Robustness { impairment, loss_robustness } = robustness;
    let load = lost_percent / (lost_percent / burst_ratio.max(1.0) + loss_robustness);
    impairment + (95.0 - impairment) * load
}

/// Transmission rating R of a conversation, 0–93.2.
pub fn rating(robustness: Robustness, lost_percent: f64, burst_ratio: f64, delay_ms: f64) -> f64 {
    let loss = loss_impairment(robustness, lost_percent, burst_ratio);
    (R_MAX - delay_impairment(delay_ms) - loss).clamp(0.0, R_MAX)
}

/// Mean opinion score from R, G.107 Annex B: 1 up to 0, 4.5 from 100. The cubic dips below 1 near
/// zero, where the score stays 1.
pub fn mos(r: f64) -> f64 {
    if r >= 100.0 {
        return 4.5;
    }
    let r = r.max(0.0);
    (1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const G711: Robustness = Robustness { impairment: 0.0, loss_robustness: 25.1 };

    fn near(value: f64, expected: f64, within: f64) -> bool {
        (value - expected).abs() <= within
    }

    #[test]
    fn ratings_become_the_scores_of_annex_b() {
        // G.107 Annex B, Table B.1: the borders between the categories of satisfaction.
        for (r, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!(near(mos(r), score, 0.007), "R {r}: {}", mos(r));
        }
        assert_eq!((mos(0.0), mos(-5.0), mos(100.0), mos(120.0)), (1.0, 1.0, 4.5, 4.5));
        assert!(near(mos(R_MAX), 4.41, 0.005), "G.711 over a perfect network");
        assert!((1..=6).all(|r| mos(f64::from(r)) >= 1.0), "the cubic dips below 1 there");
    }

    #[test]
    fn a_perfect_network_leaves_the_rating_of_the_defaults() {
        assert_eq!(rating(G711, 0.0, 1.0, 0.0), 93.2);
        assert_eq!(rating(G711, 100.0, 1.0, 3_000.0), 0.0);
    }

    #[test]
    fn loss_costs_what_the_formula_says_by_hand() {
        // 95 * 1 / (1 + 25.1), 95 * 5 / (5 + 25.1), 95 * 1 / (1 / 2 + 25.1), by hand.
        for (percent, ratio, cost) in
            [(0.0, 1.0, 0.0), (1.0, 1.0, 3.6398), (5.0, 1.0, 15.7807), (1.0, 2.0, 3.7109)]
        {
            let got = loss_impairment(G711, percent, ratio);
            assert!(near(got, cost, 0.0001), "{percent} % in bursts of {ratio}: {got}");
        }
        // A codec with an impairment of its own, G.729A with Ie 11 and Bpl 19 (G.113 Appendix I).
        let g729a = Robustness::of(Codec::G729);
        assert_eq!(loss_impairment(g729a, 0.0, 1.0), 11.0);
        assert!(near(loss_impairment(g729a, 2.0, 1.0), 11.0 + 84.0 * 2.0 / 21.0, 1e-9));
        let best = mos(rating(g729a, 0.0, 1.0, 0.0));
        assert!(near(best, 4.104, 0.001), "R 82.2 over a perfect network: {best}");
    }

    #[test]
    fn delay_costs_little_up_to_a_knee_and_much_beyond() {
        for (ms, cost) in [(0.0, 0.0), (100.0, 2.4), (177.3, 4.2552), (277.3, 17.6552)] {
            assert!(near(delay_impairment(ms), cost, 1e-9), "{ms} ms: {}", delay_impairment(ms));
        }
    }

    #[test]
    fn the_score_falls_with_loss_bursts_and_delay() {
        let score = |percent, ratio, delay| mos(rating(G711, percent, ratio, delay));
        let by_loss: Vec<f64> =
            [0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0].map(|p| score(p, 1.0, 60.0)).to_vec();
        assert!(by_loss.windows(2).all(|pair| pair[0] > pair[1]), "{by_loss:?}");
        for (got, expected) in by_loss.iter().zip([4.38, 4.29, 4.19, 4.08, 3.86, 3.34, 2.56]) {
            assert!(near(*got, expected, 0.01), "{by_loss:?}");
        }
        assert!(score(2.0, 4.0, 60.0) < score(2.0, 1.0, 60.0));
        assert!(score(0.0, 1.0, 400.0) < 3.6);
    }
}
