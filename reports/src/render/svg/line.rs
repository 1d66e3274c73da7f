//! Lines from row to row, one a series. Each has dashes of its own, so that they are told apart in
//! black and white. A single row is a dot: no line goes anywhere, and readers of SVG complain of one
//! with a single point.

use super::{
    Canvas, GREY, GRID, fitted, height, legend, legend_height, luma, tick_step, tick_text,
    ticks_end,
};
use crate::render::chart::ChartData;

/// Height of the field that lines are drawn in.
pub const FIELD_PX: f64 = 150.0;
/// Room for a name below the field, and for a number beside it.
const NAME_PX: f64 = 62.0;
const NUMBER_PX: f64 = 48.0;
/// Up to so many rows each has a dot.
const DOTS_MAX: usize = 40;
/// A lighter line lies on a wider one, since it would fade into the paper.
const LUMA_MAX: u32 = 170_000;
const DASHES: [&str; 4] = ["none", "6 3", "2 2", "8 2 2 2"];

/// Draws `chart` in `width` points, at least `height_min` high.
pub fn draw(chart: &ChartData, width: f64, height_min: f64) -> String {
    let high = height(chart, width).max(height_min);
    let mut canvas = Canvas::new(width, high, &chart.title);
    legend(&mut canvas, chart, width);
    let values = chart.series.iter().flat_map(|series| series.values.iter().copied());
    let max = values.max().unwrap_or(0);
    let step = tick_step(chart.kind, max);
    let end = ticks_end(max, step).max(1);
    let (top, bottom) = (30.0 + legend_height(chart, width), high - 20.0);
    let (left, right) = (NUMBER_PX, width - NAME_PX / 2.0);
    let y = |value: i64| bottom - (bottom - top) * value as f64 / end as f64;
    let mut tick = 0;
    while tick <= end {
        let at = y(tick);
        canvas.push(format_args!(
            "<line x1=\"{left:.2}\" y1=\"{at:.2}\" x2=\"{right:.2}\" y2=\"{at:.2}\" \
             stroke=\"{GRID}\" stroke-width=\"0.7\"/>"
        ));
        let number = tick_text(chart.kind, tick, step);
        canvas.text(left - 6.0, at + 3.0, "end", GREY, 8.0, false, &number);
        tick += step;
    }

    let gaps = chart.categories.len().saturating_sub(1).max(1) as f64;
    let x = |index: usize| left + (right - left) * index as f64 / gaps;
    let named = (((right - left) / NAME_PX) as usize).max(1);
    let every = chart.categories.len().div_ceil(named).max(1);
    for (index, name) in chart.categories.iter().enumerate().step_by(every) {
        let name = fitted(name, NAME_PX - 4.0, 8.0);
        canvas.text(x(index), bottom + 12.0, "middle", GREY, 8.0, false, &name);
    }
    for (series, dash) in chart.series.iter().zip(DASHES.iter().cycle()) {
        let places: Vec<(f64, f64)> =
            series.values.iter().enumerate().map(|(index, value)| (x(index), y(*value))).collect();
        let colour = series.colour;
        let is_light = luma(colour) > LUMA_MAX;
        if let [(x, y)] = places[..] {
            let edge = if is_light { GREY } else { colour };
            canvas.push(format_args!(
                "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"3\" fill=\"{colour}\" stroke=\"{edge}\" \
                 stroke-width=\"0.7\"/>"
            ));
            continue;
        }
        let points: Vec<String> = places.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
        let points = points.join(" ");
        if is_light {
            canvas.push(format_args!(
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{GREY}\" \
                 stroke-width=\"2.6\" stroke-dasharray=\"{dash}\"/>"
            ));
        }
        canvas.push(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"1.6\" stroke-dasharray=\"{dash}\"/>"
        ));
        for (x, y) in places.iter().filter(|_| places.len() <= DOTS_MAX) {
            canvas.push(format_args!(
                "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"2\" fill=\"{colour}\"/>"
            ));
        }
    }
    canvas.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Kind;
    use crate::render::chart::{Series, Shape};

    #[test]
    fn a_line_goes_from_row_to_row_and_each_has_its_dashes() {
        let series = |values: &[i64]| Series {
            name: "<来电>".to_owned(),
            colour: "#2f9e6e",
            values: values.to_vec(),
        };
        let chart = ChartData {
            title: "每日".to_owned(),
            shape: Shape::Line,
            kind: Kind::Count,
            categories: vec!["一".to_owned(), "二".to_owned(), "三".to_owned()],
            series: vec![series(&[0, 10, 5]), series(&[1, 2, 3])],
        };
        let svg = draw(&chart, 300.0, 0.0);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 6);
        assert!(
            svg.contains("stroke-dasharray=\"none\"") && svg.contains("stroke-dasharray=\"6 3\"")
        );
        assert!(svg.contains("&lt;来电&gt;") && !svg.contains("NaN"), "{svg}");
        let mut light = chart.clone();
        light.series[0].colour = "#e8eaed";
        let svg = draw(&light, 300.0, 0.0);
        assert_eq!(svg.matches("<polyline").count(), 3, "a light line lies on a grey one: {svg}");
        let empty = ChartData { categories: Vec::new(), series: Vec::new(), ..chart };
        assert!(!draw(&empty, 300.0, 0.0).contains("NaN"));
    }

    #[test]
    fn a_single_row_is_a_dot_of_each_series_and_no_line() {
        let series = |colour| Series { name: "来电".to_owned(), colour, values: vec![7] };
        let chart = ChartData {
            title: "每日".to_owned(),
            shape: Shape::Line,
            kind: Kind::Count,
            categories: vec!["一".to_owned()],
            series: vec![series("#163d69"), series("#e8eaed")],
        };
        let svg = draw(&chart, 300.0, 0.0);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (0, 2));
        assert!(svg.contains("fill=\"#163d69\" stroke=\"#163d69\""), "{svg}");
        let edged = format!("fill=\"#e8eaed\" stroke=\"{GREY}\"");
        assert!(svg.contains(&edged), "a light dot would fade into the paper: {svg}");
    }
}
