//! HTML: one page without scripts, styles and charts inside it, ready for printing.

use super::page::Page;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};

/// How wide its charts are drawn.
pub const WIDTH_PX: f64 = 1000.0;

/// The file. Everything from outside goes through the template's escaping; the charts are our
/// own SVG, which escapes by itself.
pub fn write(page: &Page) -> Result<Vec<u8>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let html = environment
        .get_template("page.html")?
        .render(context! { d => Value::from(Serde(page)) })?;
    Ok(html.into_bytes())
}
