//! Which area an address lies in, by the patterns that the tenant's areas name.

use super::Area;
use crate::{Error, Result, Store};
use terms::TenantId;
use terms::address::{ADDRESS_PART_CHARS_MAX, Addresses, normal};

/// Patterns of addresses of one area.
pub const ADDRESSES_MAX: usize = 2_000;
/// Shortest part of an address: one character would be everywhere.
const PART_CHARS_MIN: usize = 2;

/// A pattern as it is kept.
pub(super) fn pattern(text: &str) -> Result<String> {
    let text = text.trim();
    let behind = text.strip_suffix('*');
    let word = behind.and_then(|part| part.strip_prefix('*'));
    let part = normal(word.or(behind).unwrap_or(text));
    let is_short = !(PART_CHARS_MIN..=ADDRESS_PART_CHARS_MAX).contains(&part.chars().count());
    if is_short || part.contains('*') || part.chars().any(char::is_control) {
        let problem = format!(
            "entry \"{}\": an address, its beginning with * behind it or a word of it between two *, \
             of {PART_CHARS_MIN}-{ADDRESS_PART_CHARS_MAX} characters, is needed",
            crate::audit::clean(text)
        );
        return Err(Error::invalid("addresses", problem));
    }
    Ok(match (word, behind) {
        (Some(_), _) => format!("*{part}*"),
        (None, Some(_)) => format!("{part}*"),
        (None, None) => part,
    })
}

impl Store {
    /// The area in which an address lies: the whole address before its longest beginning, that before
    /// the longest word in it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn area_at(&self, tenant: TenantId, address: &str) -> Result<Option<Area>> {
        let areas = self.areas(tenant).await?;
        let patterns = areas.iter().enumerate();
        let patterns =
            patterns.flat_map(|(n, area)| area.draft.addresses.iter().map(move |a| (a.clone(), n)));
        let found = patterns.collect::<Addresses<usize>>().find(address).copied();
        Ok(found.and_then(|n| areas.into_iter().nth(n)))
    }

    /// The area that somebody named, or else the name of the one in which the address lies.
    pub(crate) async fn area_or_of(
        &self,
        tenant: TenantId,
        area: &str,
        address: &str,
    ) -> Result<String> {
        if !area.trim().is_empty() || address.trim().is_empty() {
            return Ok(area.to_owned());
        }
        let found = self.area_at(tenant, address).await?;
        Ok(found.map(|area| area.draft.name).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_an_address_its_beginning_or_a_word_and_nothing_else() {
        for (text, kept) in [
            ("广州市 越秀区*", "广州市越秀区*"),
            (" *翠湖山庄* ", "*翠湖山庄*"),
            ("花园路７号", "花园路7号"),
        ] {
            assert_eq!(pattern(text).unwrap(), kept);
        }
        let long = "长".repeat(ADDRESS_PART_CHARS_MAX + 1);
        for wrong in ["", "*", "**", "路*", "*路*", "*花园路", "花*路", "花\u{7}路", long.as_str()]
        {
            assert!(pattern(wrong).is_err(), "{wrong}");
        }
    }
}
