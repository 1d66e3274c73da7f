//! Where numbers are at home that tell it by no area code: a table of prefixes that a tenant loads,
//! for mobile numbers and other countries. Each load adds to it and replaces what it names again.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::document;
use crate::{Error, Result, Store};
use std::collections::BTreeMap;
use terms::region::{PREFIX_DIGITS_MAX, REGION_CHARS_MAX, REGIONS_MAX, Regions};
use terms::{Region, TenantId};

const DOING: &str = "load regions of numbers";

/// Reads lines of `prefix,province,city`, the first of which may name the columns so; the city may be
/// left out. A prefix begins with `+` or `00` and the country code, or is one of `country`, with the
/// trunk prefix 0 or without it.
///
/// # Errors
/// [`Error::Invalid`] with the first line that cannot be read, and what would be right.
pub fn read_table(text: &str, country: &str) -> Result<Regions> {
    let text = text.trim_start_matches('\u{feff}');
    let mut read = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let names_columns = at == 0 && line.starts_with("prefix");
        if line.is_empty() || names_columns {
            continue;
        }
        let told = |problem| Error::invalid("csv", format!("line {}: {problem}", at + 1));
        let (prefix, region) = entry(line, country).map_err(told)?;
        if read.insert(prefix, region).is_some() {
            return Err(told("this prefix stands in an earlier line already"));
        }
        if read.len() > REGIONS_MAX {
            return Err(full());
        }
    }
    if read.is_empty() {
        return Err(Error::invalid("csv", "lines such as 1380013,北京,北京 are needed"));
    }
    Ok(Regions(read))
}

fn full() -> Error {
    Error::invalid("csv", format!("at most {REGIONS_MAX} prefixes are kept"))
}

fn entry(line: &str, country: &str) -> std::result::Result<(String, Region), &'static str> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let (prefix, province, city) = match fields[..] {
        [prefix, province] => (prefix, province, ""),
        [prefix, province, city] => (prefix, province, city),
        _ => return Err("two or three fields are needed: prefix,province,city"),
    };
    let prefix = whole_prefix(prefix, country)?;
    if province.is_empty() {
        return Err("a province is needed; a country may stand in its place");
    }
    let is_name = |name: &str| {
        name.chars().count() <= REGION_CHARS_MAX
            && !name.contains(|c: char| c.is_control() || c == '"')
    };
    if !is_name(province) || !is_name(city) {
        return Err("a name has at most 32 characters, and no quotation marks");
    }
    Ok((prefix, Region { province: province.to_owned(), city: city.to_owned() }))
}

/// `+` and digits, the country code first.
fn whole_prefix(text: &str, country: &str) -> std::result::Result<String, &'static str> {
    let (code, digits) = match (text.strip_prefix('+'), text.strip_prefix("00")) {
        (Some(digits), _) | (None, Some(digits)) => ("", digits),
        (None, None) => (country, text.strip_prefix('0').unwrap_or(text)),
    };
    if code.is_empty() && !text.starts_with('+') && !text.starts_with("00") {
        return Err("the prefix has to begin with + and the country code");
    }
    let length = code.len() + digits.len();
    let fits = !digits.is_empty() && length <= PREFIX_DIGITS_MAX;
    if fits && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(format!("+{code}{digits}"));
    }
    Err("a prefix is 1-15 digits, the country code included, with or without + before them")
}

impl Store {
    /// A tenant's table.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn regions(&self, tenant: TenantId) -> Result<Regions> {
        let row = sql::query("SELECT document FROM number_regions WHERE tenant_id = $1")
            .bind(tenant.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read regions of numbers")?;
        row.map_or(Ok(Regions::default()), |row| {
            document(&row, "document", "read regions of numbers", "table of regions")
        })
    }

    /// Adds the lines of a table ([`read_table`]) to the tenant's. Answers the whole of it.
    ///
    /// # Errors
    /// [`Error::Invalid`]: nothing is changed then.
    pub async fn load_regions(&self, tenant: TenantId, by: &By, text: &str) -> Result<Regions> {
        let country = self.tenant(tenant).await?.profile.country;
        let read = read_table(text, &country)?;
        let mut write = self.write(DOING).await?;
        let row = sql::query("SELECT document FROM number_regions WHERE tenant_id = $1")
            .bind(tenant.0 as i64)
            .fetch_optional(write.db())
            .await
            .during(DOING)?;
        let mut all = match &row {
            Some(row) => document(row, "document", DOING, "table of regions")?,
            None => Regions::default(),
        };
        let lines = read.0.len();
        all.0.extend(read.0);
        if all.0.len() > REGIONS_MAX {
            return Err(full());
        }
        sql::query(
            "INSERT INTO number_regions (tenant_id, document) VALUES ($1, $2)
             ON CONFLICT (tenant_id) DO UPDATE SET document = excluded.document",
        )
        .bind(tenant.0 as i64)
        .bind(serde_json::to_string(&all).expect("regions are always valid JSON"))
        .execute(write.db())
        .await
        .during(DOING)?;
        write.audit(tenant, by, "number_regions.load", format!("{lines} prefixes")).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(all)
    }

    /// Forgets a tenant's table; area codes alone tell where a number is at home.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_regions(&self, tenant: TenantId, by: &By) -> Result<()> {
        let mut write = self.write("forget regions of numbers").await?;
        sql::query("DELETE FROM number_regions WHERE tenant_id = $1")
            .bind(tenant.0 as i64)
            .execute(write.db())
            .await
            .during("forget regions of numbers")?;
        write.audit(tenant, by, "number_regions.forget", "").await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        read_table(text, "86").expect_err(text).to_string()
    }

    #[test]
    fn a_table_names_prefixes_as_people_write_them() {
        let text = "\u{feff}prefix,province,city\r\n1380013,北京,北京\r\n\r\n0660,广东, 汕尾\n\
                    +1,美国\n0044,英国,\n";
        let read = read_table(text, "86").expect("a table");
        let told: Vec<_> = read
            .0
            .iter()
            .map(|(prefix, region)| format!("{prefix} {} {}", region.province, region.city))
            .collect();
        assert_eq!(told, ["+1 美国 ", "+44 英国 ", "+861380013 北京 北京", "+86660 广东 汕尾"]);
    }

    #[test]
    fn a_wrong_line_is_named_with_what_would_be_right() {
        for (text, part) in [
            ("", "lines such as"),
            ("prefix,province,city\n", "lines such as"),
            ("138,北京,北京\n139", "line 2: two or three fields"),
            ("138,北京,北京,中国", "line 1: two or three fields"),
            ("13x,北京", "line 1: a prefix is 1-15 digits"),
            ("+,北京", "line 1: a prefix is 1-15 digits"),
            ("+1234567890123456,北京", "line 1: a prefix is 1-15 digits"),
            ("138,,北京", "line 1: a province is needed"),
            ("138,\"北京\",北京", "no quotation marks"),
            ("138,北京\n+86138,上海", "line 2: this prefix stands"),
        ] {
            assert!(problem(text).contains(part), "{text}: {}", problem(text));
        }
        let long = format!("138,{}", "北".repeat(REGION_CHARS_MAX + 1));
        assert!(problem(&long).contains("at most 32 characters"));
        let nowhere = read_table("138,北京", "").expect_err("no country");
        assert!(nowhere.to_string().contains("begin with + and the country code"));
        assert!(read_table("+86138,北京", "").is_ok());
        let many: String = (0..=REGIONS_MAX).map(|n| format!("+{n:09},x\n")).collect();
        assert!(problem(&many).contains("at most 100000 prefixes"));
    }
}
