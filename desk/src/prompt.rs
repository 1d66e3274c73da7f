//! Prompts of a tenant's own: what they are called, what is in them, and who brought them. The audio
//! is a file of its own, named by its content; a row is written when the file lies there whole, and
//! gone before the file goes, so that no row ever names what is not there.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, id, id_opt, time};
use crate::text::text_enum;
use crate::{Error, Result, Store, when};
use serde::Serialize;
use std::collections::BTreeSet;
use terms::routing::{NO_LANGUAGE, OwnPrompt, is_language};
use terms::{TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Letters of a prompt's name. A flow can name no more.
const NAME_CHARS_MAX: usize = 48;

text_enum! {
    /// What a prompt's file is.
    PromptFormat, "prompt format" {
        /// RIFF WAVE.
        Wav = "wav",
        /// MPEG audio layer III.
        Mp3 = "mp3",
        /// Opus in Ogg.
        Opus = "opus",
    }
}

/// What a prompt is called: `zh-CN/welcome`, or `music/wait`. Both parts are safe in paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromptName {
    language: String,
    name: String,
}

impl PromptName {
    /// # Errors
    /// [`Error::Invalid`] names the part that cannot be.
    pub fn new(language: &str, name: &str) -> Result<Self> {
        if language != NO_LANGUAGE && !is_language(language) {
            let problem = "a language such as zh-CN or en is needed, or music";
            return Err(Error::invalid("language", problem));
        }
        let is_allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        };
        if !(1..=NAME_CHARS_MAX).contains(&name.len()) || !name.bytes().all(is_allowed) {
            let problem = format!("1-{NAME_CHARS_MAX} of a-z, 0-9, \"_\" and \"-\" are needed");
            return Err(Error::invalid("name", problem));
        }
        Ok(PromptName { language: language.to_owned(), name: name.to_owned() })
    }

    /// The language, or `music`.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The name without its language.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As flows name it: without a language, music with its folder.
    pub fn in_flows(&self) -> String {
        if self.language == NO_LANGUAGE { self.to_string() } else { self.name.clone() }
    }
}

impl std::fmt::Display for PromptName {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}/{}", self.language, self.name)
    }
}

/// A prompt of a tenant's own.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Prompt {
    /// Its language, or `music` for what has none.
    pub language: String,
    /// Its name, as flows have it; of music `music/<name>`.
    pub name: String,
    /// What its file is.
    pub format: PromptFormat,
    /// Size of the file.
    pub bytes: u64,
    /// How long it plays, in seconds.
    pub length_s: f64,
    /// SHA-256 of the file in hex.
    pub sha256: String,
    /// The text that it was spoken from; none for a file that was uploaded.
    pub text: Option<String>,
    /// When it came.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub uploaded_at: Timestamp,
    /// Who brought it.
    #[schema(value_type = Option<String>)]
    pub uploaded_by: Option<UserId>,
}

/// A file that became a prompt, or a text that was spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrompt {
    /// What it is called.
    pub name: PromptName,
    /// What its file is.
    pub format: PromptFormat,
    /// Size of the file.
    pub bytes: u64,
    /// How long it plays.
    pub length_ms: u64,
    /// SHA-256 of the file in hex.
    pub sha256: String,
    /// The text that it was spoken from.
    pub text: Option<String>,
}

/// How much a tenant may have of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptRoom {
    /// Prompts.
    pub prompts_max: u32,
    /// All of them, one after the other.
    pub length_ms_max: u64,
}

const COLUMNS: &str = "SELECT language, name, format, bytes, length_ms, sha256, spoken, uploaded_at, uploaded_by FROM prompts WHERE tenant_id = $1";

fn prompt(row: &DbRow) -> Result<Prompt> {
    Ok(Prompt {
        language: row.get("language"),
        name: row.get("name"),
        format: PromptFormat::stored("read a prompt", row.get("format"))?,
        bytes: id(row, "bytes"),
        length_s: row.get::<i64>("length_ms") as f64 / 1_000.0,
        sha256: row.get("sha256"),
        text: row.get("spoken"),
        uploaded_at: time(row, "uploaded_at"),
        uploaded_by: id_opt(row, "uploaded_by").map(UserId),
    })
}

impl Store {
    /// Prompts of a tenant by language and name, from behind `after` on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn prompts(
        &self,
        tenant: TenantId,
        after: Option<&PromptName>,
        limit: u32,
    ) -> Result<Vec<Prompt>> {
        let (language, name) = after.map_or(("", ""), |after| (after.language(), after.name()));
        sql::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} AND (language > $2 OR (language = $2 AND name > $3))
             ORDER BY language, name LIMIT $4"
        )))
        .bind(tenant.0 as i64)
        .bind(language)
        .bind(name)
        .bind(i64::from(limit.min(crate::store::LIST_MAX)))
        .fetch_all(self.reader())
        .await
        .during("list prompts")?
        .iter()
        .map(prompt)
        .collect()
    }

    /// One prompt.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn prompt(&self, tenant: TenantId, name: &PromptName) -> Result<Prompt> {
        let row =
            sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND language = $2 AND name = $3")))
                .bind(tenant.0 as i64)
                .bind(name.language())
                .bind(name.name())
                .fetch_optional(self.reader())
                .await
                .during("read a prompt")?;
        prompt(&row.ok_or_else(|| Error::not_found("prompt", name))?)
    }

    /// The same as the call path has them.
    pub(crate) async fn prompts_for_plan(&self, tenant: TenantId) -> Result<Vec<OwnPrompt>> {
        let prompts = self.prompts(tenant, None, crate::store::LIST_MAX).await?;
        let own = |prompt: Prompt| OwnPrompt {
            name: format!("{}/{}", prompt.language, prompt.name),
            sha256: prompt.sha256,
        };
        Ok(prompts.into_iter().map(own).collect())
    }

    /// The files that rows of this tenant name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn prompt_files(&self, tenant: TenantId) -> Result<BTreeSet<String>> {
        Ok(self.prompts_for_plan(tenant).await?.into_iter().map(|prompt| prompt.sha256).collect())
    }

    /// Puts a prompt whose file lies there, in place of the one of this name, if there is one. True
    /// when there was none.
    ///
    /// # Errors
    /// [`Error::Refused`] when the tenant has too many, or too much to hear.
    pub async fn put_prompt(
        &self,
        tenant: TenantId,
        by: &By,
        new: &NewPrompt,
        room: PromptRoom,
    ) -> Result<(Prompt, bool)> {
        let doing = "put a prompt";
        let mut write = self.write(doing).await?;
        let others = sql::query(
            // The sum of BIGINTs is a NUMERIC in PostgreSQL.
            "SELECT COUNT(*) AS prompts, CAST(COALESCE(SUM(length_ms), 0) AS BIGINT) AS length_ms
             FROM prompts WHERE tenant_id = $1 AND NOT (language = $2 AND name = $3)",
        )
        .bind(tenant.0 as i64)
        .bind(new.name.language())
        .bind(new.name.name())
        .fetch_one(write.db())
        .await
        .during(doing)?;
        if id(&others, "prompts") >= u64::from(room.prompts_max) {
            let most = room.prompts_max;
            return Err(Error::Refused(format!(
                "a tenant has at most {most} prompts (rtp.own_prompts_max)"
            )));
        }
        if id(&others, "length_ms") + new.length_ms > room.length_ms_max {
            let most = room.length_ms_max / 1_000;
            return Err(Error::Refused(format!(
                "all prompts of a tenant are at most {most} s long (rtp.own_prompts_length_max)"
            )));
        }
        let had = sql::query(
            "SELECT 1 FROM prompts WHERE tenant_id = $1 AND language = $2 AND name = $3",
        )
        .bind(tenant.0 as i64)
        .bind(new.name.language())
        .bind(new.name.name())
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        sql::query(
            "INSERT INTO prompts (tenant_id, language, name, format, bytes, length_ms, sha256,
                 spoken, uploaded_at, uploaded_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (tenant_id, language, name) DO UPDATE SET format = excluded.format,
                 bytes = excluded.bytes, length_ms = excluded.length_ms, sha256 = excluded.sha256,
                 spoken = excluded.spoken, uploaded_at = excluded.uploaded_at,
                 uploaded_by = excluded.uploaded_by",
        )
        .bind(tenant.0 as i64)
        .bind(new.name.language())
        .bind(new.name.name())
        .bind(new.format.as_str())
        .bind(new.bytes as i64)
        .bind(new.length_ms as i64)
        .bind(&new.sha256)
        .bind(&new.text)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .execute(write.db())
        .await
        .during(doing)?;
        let subject = format!("{} {}", new.name, new.sha256);
        write.audit(tenant, by, "prompt.put", subject).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok((self.prompt(tenant, &new.name).await?, had.is_none()))
    }

    /// Takes a prompt away; its file may go afterwards.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_prompt(&self, tenant: TenantId, by: &By, name: &PromptName) -> Result<()> {
        let doing = "remove a prompt";
        let mut write = self.write(doing).await?;
        let done =
            sql::query("DELETE FROM prompts WHERE tenant_id = $1 AND language = $2 AND name = $3")
                .bind(tenant.0 as i64)
                .bind(name.language())
                .bind(name.name())
                .execute(write.db())
                .await
                .during(doing)?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("prompt", name));
        }
        write.audit(tenant, by, "prompt.remove", name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path_and_can_be_named_in_a_flow() {
        let name = PromptName::new("zh-CN", "summer_2026-b").unwrap();
        assert_eq!(
            (name.to_string().as_str(), name.in_flows().as_str()),
            ("zh-CN/summer_2026-b", "summer_2026-b")
        );
        assert_eq!(PromptName::new("music", "wait").unwrap().in_flows(), "music/wait");
        let field = |language: &str, name: &str| match PromptName::new(language, name) {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("{language} {name}: {other:?}"),
        };
        for bad in
            ["", "..", "../x", "a/b", "a.wav", "A", "a b", "a\0", "名", "%2e", &"a".repeat(49)]
        {
            assert_eq!(field("en", bad), "name", "{bad:?}");
        }
        for bad in ["", "..", "digits", "en/..", "EN", "speech"] {
            assert_eq!(field(bad, "hi"), "language", "{bad:?}");
        }
    }
}
