//! Our own SVG: horizontal stacked bars, lines, rings and fields of squares. Sizes are in points, so that a chart is as
//! sharp on paper as on a screen. All text is escaped here.

mod heat;
mod line;

use super::chart::{ChartData, Series, Shape};
use super::fonts::FAMILY;
use crate::cell::{grouped, rounded_secs};
use crate::definition::Kind;
use std::f64::consts::TAU;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

const INK: &str = "#1f2937";
const GREY: &str = "#6b7280";
const GRID: &str = "#e5e7eb";
const TEXT_PX: f64 = 9.0;
const TITLE_PX: f64 = 10.5;
const BAR_PX: f64 = 15.0;
const ROW_PX: f64 = 23.0;
/// A narrower part would be written with no width at all, of which readers of SVG complain.
const PART_PX_MIN: f64 = 0.01;
/// Radius of a ring.
const RING_PX_MIN: f64 = 30.0;
const RING_PX_MAX: f64 = 72.0;
/// Ticks along the axis, about.
const TICKS: i64 = 5;

/// Draws `chart` in `width` points, at least `height_min` high.
pub fn draw(chart: &ChartData, width: f64, height_min: f64) -> String {
    match chart.shape {
        Shape::Bar => bars(chart, width, height_min),
        Shape::Line => line::draw(chart, width, height_min),
        Shape::Pie => pie(chart, width, height_min),
        Shape::Heat => heat::draw(chart, width, height_min),
    }
}

/// How high [`draw`] makes it.
pub fn height(chart: &ChartData, width: f64) -> f64 {
    match chart.shape {
        Shape::Bar => {
            34.0 + legend_height(chart, width) + ROW_PX * chart.categories.len() as f64 + 20.0
        }
        Shape::Line => 34.0 + legend_height(chart, width) + line::FIELD_PX + 20.0,
        Shape::Pie => (34.0 + 20.0 * chart.series.len() as f64).max(150.0),
        Shape::Heat => heat::height(chart),
    }
}

struct Canvas {
    svg: String,
}

impl Canvas {
    fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = String::new();
        write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" \
             width=\"{width:.1}\" height=\"{height:.1}\" role=\"img\" aria-label=\"{label}\" \
             font-family=\"'{FAMILY}', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif\" \
             font-size=\"{TEXT_PX}\">",
            label = escaped(title),
        )
        .expect("a String takes all text");
        let mut canvas = Canvas { svg };
        canvas.text(0.0, 12.0, "start", INK, TITLE_PX, true, title);
        canvas
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        self.svg.write_fmt(element).expect("a String takes all text");
    }

    #[allow(clippy::too_many_arguments)]
    fn text(
        &mut self,
        x: f64,
        y: f64,
        anchor: &str,
        fill: &str,
        size: f64,
        bold: bool,
        text: &str,
    ) {
        let weight = if bold { " font-weight=\"700\"" } else { "" };
        let text = escaped(text);
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{fill}\" \
             font-size=\"{size}\"{weight}>{text}</text>"
        ));
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.push(format_args!(
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{fill}\"/>"
        ));
    }

    /// A part of a bar, or its sign in the legend: with an edge, since the lightest are nearly as
    /// light as paper.
    fn part(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.push(format_args!(
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{fill}\" \
             stroke=\"{GREY}\" stroke-width=\"0.4\"/>"
        ));
    }

    fn line(&mut self, x: f64, y1: f64, y2: f64) {
        self.push(format_args!(
            "<line x1=\"{x:.2}\" y1=\"{y1:.2}\" x2=\"{x:.2}\" y2=\"{y2:.2}\" stroke=\"{GRID}\" stroke-width=\"0.7\"/>"
        ));
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

fn bars(chart: &ChartData, width: f64, height_min: f64) -> String {
    let high = height(chart, width).max(height_min);
    let mut canvas = Canvas::new(width, high, &chart.title);
    legend(&mut canvas, chart, width);

    let label_px = chart
        .categories
        .iter()
        .map(|label| text_px(label, TEXT_PX))
        .fold(0.0, f64::max)
        .min(width * 0.3);
    let max = (0..chart.categories.len()).map(|index| chart.whole(index)).max().unwrap_or(0);
    let step = tick_step(chart.kind, max);
    let top = 26.0 + legend_height(chart, width);
    let bottom = high - 18.0;
    let left = label_px + 8.0;
    // Room on the right for the whole of the longest bar.
    let right = width - 44.0;
    let scale = (right - left) / (ticks_end(max, step).max(1) as f64);

    let mut tick = 0;
    while tick <= ticks_end(max, step) {
        let x = left + tick as f64 * scale;
        canvas.line(x, top, bottom);
        canvas.text(
            x,
            bottom + 12.0,
            "middle",
            GREY,
            8.0,
            false,
            &tick_text(chart.kind, tick, step),
        );
        tick += step;
    }

    let row = (bottom - top) / chart.categories.len().max(1) as f64;
    for (index, label) in chart.categories.iter().enumerate() {
        let y = top + row * index as f64 + (row - BAR_PX) / 2.0;
        let baseline = y + BAR_PX / 2.0 + 3.2;
        canvas.text(
            left - 6.0,
            baseline,
            "end",
            INK,
            TEXT_PX,
            false,
            &fitted(label, label_px, TEXT_PX),
        );
        let mut x = left;
        for series in &chart.series {
            let part = series.values[index] as f64 * scale;
            if part > 0.0 {
                canvas.part(x, y, part.max(PART_PX_MIN), BAR_PX, series.colour);
                let value = value_text(chart, series.values[index]);
                // White figures only where they fit and can be read.
                if chart.series.len() > 1 && text_px(&value, 7.5) + 4.0 < part {
                    let ink = ink_on(series.colour);
                    canvas.text(x + part / 2.0, baseline - 0.4, "middle", ink, 7.5, false, &value);
                }
                x += part;
            }
        }
        let whole = value_text(chart, chart.whole(index));
        canvas.text(x + 4.0, baseline, "start", GREY, 8.0, false, &whole);
    }
    canvas.finish()
}

/// Where each legend entry stands: (series, x, line).
fn legend_places(chart: &ChartData, width: f64) -> Vec<(usize, f64, usize)> {
    let mut places = Vec::new();
    let (mut x, mut line) = (0.0, 0);
    for (index, series) in chart.series.iter().enumerate() {
        if series.name.is_empty() {
            continue;
        }
        let entry = 12.0 + text_px(&series.name, TEXT_PX) + 14.0;
        if x > 0.0 && x + entry > width {
            (x, line) = (0.0, line + 1);
        }
        places.push((index, x, line));
        x += entry;
    }
    places
}

fn legend_height(chart: &ChartData, width: f64) -> f64 {
    legend_places(chart, width).last().map_or(0.0, |(_, _, line)| 14.0 * (*line as f64 + 1.0))
}

fn legend(canvas: &mut Canvas, chart: &ChartData, width: f64) {
    for (index, x, line) in legend_places(chart, width) {
        let Series { name, colour, .. } = &chart.series[index];
        let y = 20.0 + 14.0 * line as f64;
        canvas.part(x, y, 8.0, 8.0, colour);
        canvas.text(x + 12.0, y + 7.4, "start", INK, TEXT_PX, false, name);
    }
}

fn pie(chart: &ChartData, width: f64, height_min: f64) -> String {
    let high = height(chart, width).max(height_min);
    let mut canvas = Canvas::new(width, high, &chart.title);
    let slices: Vec<&Series> = chart.series.iter().filter(|s| s.values[0] > 0).collect();
    let whole = chart.sum() as f64;

    // The legend takes what its texts need, the ring what is left.
    let share = |slice: &Series| {
        let tenths = (slice.values[0] as f64 / whole * 1000.0).round() / 10.0;
        format!("{}  ({tenths:.1}%)", value_text(chart, slice.values[0]))
    };
    let entry = |slice: &&&Series| text_px(&slice.name, TEXT_PX) + text_px(&share(slice), TEXT_PX);
    let legend_px = slices.iter().map(|slice| entry(&slice)).fold(0.0, f64::max) + 30.0;
    let room = ((width - legend_px - 24.0) / 2.0).max(RING_PX_MIN);
    let outer = ((high - 34.0) / 2.0).min(room).min(RING_PX_MAX);
    let inner = outer * 0.58;
    let (cx, cy) = (outer + 4.0, 26.0 + (high - 26.0) / 2.0);
    let mut angle = -TAU / 4.0;
    for slice in &slices {
        let sweep = slice.values[0] as f64 / whole * TAU;
        ring_part(&mut canvas, (cx, cy), (inner, outer), (angle, angle + sweep), slice.colour);
        angle += sweep;
    }
    let centre = value_text(chart, chart.sum());
    let size = (inner * 1.5 / text_px(&centre, 1.0)).min(13.0);
    canvas.text(cx, cy + size * 0.36, "middle", INK, size, true, &centre);

    let left = 2.0 * outer + 20.0;
    let line = ((high - 34.0) / slices.len().max(1) as f64).min(24.0);
    let mut y = cy - line * slices.len() as f64 / 2.0 + line / 2.0;
    for slice in &slices {
        canvas.part(left, y - 4.0, 8.0, 8.0, slice.colour);
        let value = share(slice);
        let room = width - left - 12.0 - text_px(&value, TEXT_PX) - 8.0;
        canvas.text(
            left + 12.0,
            y + 3.4,
            "start",
            INK,
            TEXT_PX,
            false,
            &fitted(&slice.name, room, TEXT_PX),
        );
        canvas.text(width, y + 3.4, "end", GREY, TEXT_PX, false, &value);
        y += line;
    }
    canvas.finish()
}

/// A part of a ring from angle to angle; a whole ring cannot be an arc, so it is a thick circle.
fn ring_part(
    canvas: &mut Canvas,
    centre: (f64, f64),
    radii: (f64, f64),
    angles: (f64, f64),
    fill: &str,
) {
    let ((cx, cy), (inner, outer), (from, to)) = (centre, radii, angles);
    if to - from > TAU * 0.999 {
        canvas.push(format_args!(
            "<circle cx=\"{cx:.2}\" cy=\"{cy:.2}\" r=\"{:.2}\" fill=\"none\" stroke=\"{fill}\" \
             stroke-width=\"{:.2}\"/>",
            (inner + outer) / 2.0,
            outer - inner,
        ));
        return;
    }
    let point = |radius: f64, angle: f64| (cx + radius * angle.cos(), cy + radius * angle.sin());
    let (a, b, c, d) = (point(outer, from), point(outer, to), point(inner, to), point(inner, from));
    let large = i32::from(to - from > TAU / 2.0);
    canvas.push(format_args!(
        "<path d=\"M{:.2} {:.2} A{outer:.2} {outer:.2} 0 {large} 1 {:.2} {:.2} L{:.2} {:.2} \
         A{inner:.2} {inner:.2} 0 {large} 0 {:.2} {:.2} Z\" fill=\"{fill}\" stroke=\"#ffffff\" stroke-width=\"0.8\"/>",
        a.0, a.1, b.0, b.1, c.0, c.1, d.0, d.1,
    ));
}

/// `1,234`; of time `3:25` hours and minutes, or `0:03:25` where the whole chart is below an hour.
fn value_text(chart: &ChartData, value: i64) -> String {
    match chart.kind {
        Kind::Duration if chart.sum() >= 3_600_000 => {
            let minutes = rounded_secs(value, 60).unwrap_or(0);
            format!("{}:{:02}", grouped(minutes / 60), minutes % 60)
        }
        Kind::Duration => {
            let secs = rounded_secs(value, 1).unwrap_or(0);
            format!("{}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
        }
        _ => grouped(value),
    }
}

fn tick_text(kind: Kind, value: i64, step: i64) -> String {
    match kind {
        Kind::Duration if step < 60_000 => {
            format!("{}:{:02}:{:02}", value / 3_600_000, value / 60_000 % 60, value / 1000 % 60)
        }
        Kind::Duration => format!("{}:{:02}", value / 3_600_000, value / 60_000 % 60),
        _ => grouped(value),
    }
}

/// A step that people count in: 1, 2 or 5 times a power of ten; of time a part of a minute or hour.
fn tick_step(kind: Kind, max: i64) -> i64 {
    let wanted = (max / TICKS).max(1);
    if kind == Kind::Duration {
        const STEPS_S: [i64; 14] =
            [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18_000, 36_000];
        if let Some(step) = STEPS_S.iter().find(|&&step| step * 1000 >= wanted) {
            return step * 1000;
        }
        return 3_600_000 * tick_step(Kind::Count, max / 3_600_000);
    }
    let mut power = 1;
    loop {
        for tenths in [10, 20, 25, 50] {
            let step = tenths * power / 10;
            // A quarter of ten is no whole number.
            if step >= wanted && tenths * power % 10 == 0 {
                return step;
            }
        }
        power *= 10;
    }
}

/// The last tick: the first at or above the greatest value.
fn ticks_end(max: i64, step: i64) -> i64 {
    (max + step - 1) / step * step
}

/// About how wide text is: a Chinese character is as wide as high, a Latin one about half.
fn text_px(text: &str, size: f64) -> f64 {
    text.width() as f64 * size * 0.54
}

/// `text`, shortened with `…` until it fits.
fn fitted(text: &str, room: f64, size: f64) -> String {
    if text_px(text, size) <= room + 0.5 {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        if text_px(&kept, size) + size <= room {
            break;
        }
    }
    kept + "…"
}

/// White on dark colours, ink on light ones.
fn ink_on(colour: &str) -> &'static str {
    if luma(colour) > 150_000 { INK } else { "#ffffff" }
}

/// How light `#rrggbb` is, roughly, up to 255,000.
fn luma(colour: &str) -> u32 {
    let part = |at: usize| colour.get(at..at + 2).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let (red, green, blue) = (part(1).unwrap_or(0), part(3).unwrap_or(0), part(5).unwrap_or(0));
    299 * red + 587 * green + 114 * blue
}

/// Text for the inside of elements and attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(shape: Shape, values: &[i64]) -> ChartData {
        ChartData {
            title: "<评价>".to_owned(),
            shape,
            kind: Kind::Count,
            categories: vec!["\"><script>".to_owned()],
            series: values
                .iter()
                .map(|&value| Series {
                    name: "满意 & 好".to_owned(),
                    colour: "#2f9e6e",
                    values: vec![value],
                })
                .collect(),
        }
    }

    #[test]
    fn a_hostile_name_stays_text() {
        for shape in [Shape::Bar, Shape::Line, Shape::Pie] {
            let svg = draw(&chart(shape, &[3, 4]), 300.0, 0.0);
            assert!(!svg.contains("<script"), "{svg}");
            assert!(svg.contains("&lt;评价&gt;"));
            assert!(svg.contains("满意 &amp; 好"));
        }
    }

    #[test]
    fn the_lightest_part_has_an_edge_on_paper() {
        let mut bars = chart(Shape::Bar, &[3]);
        bars.series[0].colour = "#e8eaed";
        let svg = draw(&bars, 300.0, 0.0);
        let edged = format!("fill=\"#e8eaed\" stroke=\"{GREY}\"");
        assert_eq!(svg.matches(&edged).count(), 2, "the bar and its sign: {svg}");
        assert_eq!(svg.matches("fill=\"#e8eaed\"").count(), 2);
    }

    #[test]
    fn a_part_that_is_next_to_nothing_has_a_width() {
        let svg = draw(&chart(Shape::Bar, &[1_000_000_000, 1]), 300.0, 0.0);
        assert!(svg.contains("width=\"0.01\"") && !svg.contains("width=\"0.00\""), "{svg}");
    }

    #[test]
    fn one_slice_is_a_whole_ring() {
        let svg = draw(&chart(Shape::Pie, &[5, 0]), 300.0, 0.0);
        assert_eq!((svg.matches("<circle").count(), svg.matches("<path").count()), (1, 0));
        assert!(svg.contains("100.0%"));
    }

    #[test]
    fn ticks_are_numbers_that_people_count_in() {
        assert_eq!(tick_step(Kind::Count, 3), 1);
        assert_eq!(tick_step(Kind::Count, 37), 10);
        assert_eq!(tick_step(Kind::Count, 880), 200);
        assert_eq!(tick_step(Kind::Count, 1_103), 250);
        assert_eq!(ticks_end(880, 200), 1000);
        assert_eq!(tick_step(Kind::Duration, 8 * 3_600_000), 7_200_000);
        assert_eq!(tick_step(Kind::Duration, 1_000 * 3_600_000), 200 * 3_600_000);
        assert_eq!(tick_text(Kind::Duration, 5_400_000, 1_800_000), "1:30");
        assert_eq!(tick_text(Kind::Duration, 30_000, 10_000), "0:00:30");
    }

    #[test]
    fn a_long_name_is_cut_to_its_room() {
        assert_eq!(fitted("王芳", 100.0, 9.0), "王芳");
        let cut = fitted(&"长".repeat(60), 60.0, 9.0);
        assert!(cut.ends_with('…') && text_px(&cut, 9.0) < 66.0, "{cut}");
    }
}
