//! Fields of squares: the darker, the greater. One hue from light to dark, so that the order is seen
//! by who tells no colours apart and in black and white; the number stands in the square where it
//! fits.

use super::{Canvas, GREY, GRID, INK, TEXT_PX, fitted, height as height_of, ink_on, text_px};
use crate::cell::{grouped, rounded_secs};
use crate::definition::Kind;
use crate::render::chart::ChartData;

/// From the least to the greatest; each is darker than the one before.
const SCALE: [&str; 7] =
    ["#eef3f8", "#d0dfee", "#a9c5e0", "#7ba5cd", "#4f83b5", "#2a5f96", "#123a63"];
const LINE_PX: f64 = 16.0;
const NUMBER_PX: f64 = 6.5;
/// Room above the field for title and scale, and below it for names.
const TOP_PX: f64 = 40.0;
const BOTTOM_PX: f64 = 18.0;

/// How high it is.
pub fn height(chart: &ChartData) -> f64 {
    TOP_PX + LINE_PX * chart.series.len() as f64 + BOTTOM_PX
}

/// Draws `chart` in `width` points, at least `height_min` high.
pub fn draw(chart: &ChartData, width: f64, height_min: f64) -> String {
    let high = height_of(chart, width).max(height_min);
    let mut canvas = Canvas::new(width, high, &chart.title);
    let known = || chart.series.iter().flat_map(|line| &line.values).filter(|value| **value >= 0);
    let (least, most) = (known().min().copied().unwrap_or(0), known().max().copied().unwrap_or(0));
    scale(&mut canvas, chart.kind, least, most);

    let names = chart.series.iter().map(|line| text_px(&line.name, TEXT_PX));
    let left = names.fold(0.0, f64::max).min(width * 0.2) + 8.0;
    let side = (width - left) / chart.categories.len().max(1) as f64;
    for (index, line) in chart.series.iter().enumerate() {
        let y = TOP_PX + LINE_PX * index as f64;
        let name = fitted(&line.name, left - 8.0, TEXT_PX);
        canvas.text(left - 6.0, y + 11.4, "end", INK, TEXT_PX, false, &name);
        for (square, value) in line.values.iter().enumerate() {
            let place = (left + side * square as f64, y, side);
            square_at(&mut canvas, place, chart.kind, *value, (least, most));
        }
    }
    let widest = chart.categories.iter().map(|name| text_px(name, 8.0)).fold(0.0, f64::max);
    let every = ((widest + 3.0) / side).ceil().max(1.0) as usize;
    let bottom = TOP_PX + LINE_PX * chart.series.len() as f64;
    for (square, name) in chart.categories.iter().enumerate().step_by(every) {
        let x = left + side * (square as f64 + 0.5);
        canvas.text(x, bottom + 11.0, "middle", GREY, 8.0, false, name);
    }
    canvas.finish()
}

/// The shades with the least and the greatest number beside them.
fn scale(canvas: &mut Canvas, kind: Kind, least: i64, most: i64) {
    let (from, to) = (number(kind, least), number(kind, most));
    canvas.text(0.0, 30.4, "start", GREY, 8.0, false, &from);
    let mut x = text_px(&from, 8.0) + 6.0;
    for shade in SCALE {
        canvas.rect(x, 23.0, 12.0, 8.0, shade);
        x += 12.0;
    }
    canvas.text(x + 6.0, 30.4, "start", GREY, 8.0, false, &to);
}

/// One square at a place, so wide.
fn square_at(
    canvas: &mut Canvas,
    (x, y, side): (f64, f64, f64),
    kind: Kind,
    value: i64,
    ends: (i64, i64),
) {
    if value < 0 {
        // Nothing is known of it: an empty frame, not the lightest shade.
        canvas.push(format_args!(
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"none\" \
             stroke=\"{GRID}\" stroke-width=\"0.7\"/>",
            x + 0.9,
            y + 0.9,
            side - 1.8,
            LINE_PX - 1.8,
        ));
        return;
    }
    let shade = shade(value, ends);
    canvas.rect(x + 0.5, y + 0.5, side - 1.0, LINE_PX - 1.0, shade);
    let text = number(kind, value);
    if text_px(&text, NUMBER_PX) + 1.5 < side {
        let middle = x + side / 2.0;
        canvas.text(middle, y + 10.4, "middle", ink_on(shade), NUMBER_PX, false, &text);
    }
}

/// The shade of a value between the least and the greatest.
fn shade(value: i64, (least, most): (i64, i64)) -> &'static str {
    let steps = SCALE.len() as i64 - 1;
    let place = match most - least {
        0 => steps / 2,
        range => ((value - least).saturating_mul(steps) + range / 2) / range,
    };
    SCALE[place.clamp(0, steps) as usize]
}

/// A number in few characters: `1,234`, `86%`, `4.21`, `3:25` minutes and seconds or hours and minutes.
fn number(kind: Kind, value: i64) -> String {
    match kind {
        Kind::Percent => format!("{}%", (value + 5) / 10),
        Kind::Decimal => format!("{}.{:02}", value / 100, value % 100),
        // What is rounded to a whole hour is one.
        Kind::Duration if value < 3_599_500 => {
            let secs = rounded_secs(value, 1).unwrap_or(0);
            format!("{}:{:02}", secs / 60, secs % 60)
        }
        Kind::Duration => {
            let minutes = rounded_secs(value, 60).unwrap_or(0);
            format!("{}h{:02}", minutes / 60, minutes % 60)
        }
        Kind::Text | Kind::Count | Kind::Time => grouped(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::chart::{Series, Shape};

    fn chart(kind: Kind, lines: &[[i64; 3]]) -> ChartData {
        ChartData {
            title: "<忙时>".to_owned(),
            shape: Shape::Heat,
            kind,
            categories: ["08", "09", "10"].map(str::to_owned).into(),
            series: lines
                .iter()
                .map(|values| Series {
                    name: "<周一>".to_owned(),
                    colour: "#2563a8",
                    values: values.to_vec(),
                })
                .collect(),
        }
    }

    /// Luminance, ITU-R BT.601.
    fn brightness(colour: &str) -> u32 {
        let part = |at: usize| u32::from_str_radix(&colour[at..at + 2], 16).unwrap();
        299 * part(1) + 587 * part(3) + 114 * part(5)
    }

    #[test]
    fn shades_grow_darker_so_that_black_and_white_tells_them_apart() {
        for pair in SCALE.windows(2) {
            assert!(brightness(pair[0]) > brightness(pair[1]) + 20_000, "{pair:?}");
        }
    }

    #[test]
    fn the_greatest_is_darkest_the_least_lightest_and_what_is_not_known_a_frame() {
        let svg = draw(&chart(Kind::Count, &[[0, 60, 30], [-1, 0, 10]]), 500.0, 0.0);
        // The scale itself, and the squares.
        assert_eq!(svg.matches("fill=\"#123a63\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("fill=\"#eef3f8\"").count(), 3, "{svg}");
        assert_eq!(svg.matches("fill=\"none\"").count(), 1, "{svg}");
        assert!(svg.contains(">60</text>") && svg.contains(">09</text>"));
        assert!(svg.contains("&lt;忙时&gt;") && svg.contains("&lt;周一&gt;"));
        assert!(!svg.contains("NaN") && !svg.contains("<script"));
    }

    #[test]
    fn numbers_are_short_and_a_field_without_any_is_no_fault() {
        assert_eq!(number(Kind::Percent, 857), "86%");
        assert_eq!(number(Kind::Duration, 85_000), "1:25");
        assert_eq!(number(Kind::Duration, 5_400_000), "1h30");
        let hour = [3_599_499, 3_599_500].map(|ms| number(Kind::Duration, ms));
        assert_eq!(hour, ["59:59", "1h00"]);
        assert_eq!(number(Kind::Decimal, 421), "4.21");
        assert_eq!(number(Kind::Count, 1_234), "1,234");
        assert!(!draw(&chart(Kind::Count, &[]), 500.0, 0.0).contains("NaN"));
        assert_eq!(shade(5, (5, 5)), SCALE[3]);
    }
}
