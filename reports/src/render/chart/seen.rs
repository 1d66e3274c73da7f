//! Whether colours are told apart: in grey, and by who does not see red and green. Lightness is that
//! of CIE 1976 (L*, 0 is black and 100 white); what is left without the green cones follows Machado,
//! Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency",
//! 2009, deuteranopia.

use super::PALETTE;
use crate::catalogue::catalogue;
use crate::definition::{Chart, Pie};

/// Two parts of one chart are so far from each other at least.
const APART: f64 = 7.0;
/// The same of twelve, which have less room.
const APART_OF_TWELVE: f64 = 4.5;
/// Two of the twelve that touch each other.
const NEIGHBOURS_APART: f64 = 18.0;

const DEUTERANOPIA: [[f64; 3]; 3] = [
    [0.367_322, 0.860_646, -0.227_968],
    [0.280_085, 0.672_501, 0.047_413],
    [-0.011_820, 0.042_940, 0.968_881],
];

/// Red, green and blue as light, of `#rrggbb`.
fn light(colour: &str) -> [f64; 3] {
    [1, 3, 5].map(|at| {
        let part = u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits");
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

/// L* of light.
fn lightness([red, green, blue]: [f64; 3]) -> f64 {
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    if luminance > 0.008_856 { 116.0 * luminance.cbrt() - 16.0 } else { 903.3 * luminance }
}

fn without_green_cones(light: [f64; 3]) -> [f64; 3] {
    DEUTERANOPIA.map(|row| {
        let seen: f64 = row.iter().zip(light).map(|(weight, part)| weight * part).sum();
        seen.clamp(0.0, 1.0)
    })
}

/// How far two colours are from each other in lightness, for the eye that tells them apart worse.
fn apart(one: &str, other: &str) -> f64 {
    let (one, other) = (light(one), light(other));
    let seen = (lightness(one) - lightness(other)).abs();
    let (one, other) = (without_green_cones(one), without_green_cones(other));
    seen.min((lightness(one) - lightness(other)).abs())
}

#[test]
fn lightness_is_that_of_the_textbook() {
    for (colour, expected) in [("#ffffff", 100.0), ("#000000", 0.0), ("#777777", 50.0)] {
        let found = lightness(light(colour));
        assert!((found - expected).abs() < 0.1, "{colour}: {found}");
        let deuteranope = lightness(without_green_cones(light(colour)));
        assert!((deuteranope - expected).abs() < 0.1, "grey stays grey: {colour}, {deuteranope}");
    }
    // Of one lightness, and as good as one colour to who lacks green cones.
    assert!(apart("#2f9e6e", "#d1495b") < 3.0);
}

#[test]
fn the_parts_of_a_chart_are_told_apart_in_grey_and_without_green() {
    let mut pairs = 0;
    for report in catalogue() {
        for chart in report.charts {
            let (Chart::Bar { series, .. }
            | Chart::Line { series, .. }
            | Chart::Pie { pie: Pie::Totals(series), .. }) = chart
            else {
                continue;
            };
            for (index, (one, colour)) in series.iter().enumerate() {
                for (other, another) in &series[..index] {
                    let apart = apart(colour, another);
                    assert!(apart >= APART, "{}: {one} and {other} by {apart:.1}", report.id);
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs > 50, "{pairs} pairs of parts");
}

#[test]
fn twelve_colours_differ_and_those_that_touch_differ_most() {
    for (index, colour) in PALETTE.iter().enumerate() {
        for other in &PALETTE[..index] {
            let apart = apart(colour, other);
            assert!(apart >= APART_OF_TWELVE, "{colour} and {other} by {apart:.1}");
        }
        // A ring's last slice touches its first.
        let next = PALETTE[(index + 1) % PALETTE.len()];
        let apart = apart(colour, next);
        assert!(apart >= NEIGHBOURS_APART, "{colour} beside {next} by {apart:.1}");
    }
}
