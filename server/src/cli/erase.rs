//! `switchgrid erase`: takes what warehouse and business store know of one person out of them, while the
//! box does not run. Their recordings and faxes are deleted before, by the API, which does all of it
//! where the box runs (`POST /api/v1/erasures`).

use super::block_on;
use super::home::Home;
use crate::api::child::carry_outbox;
use crate::api::deletion::persons::{drop_callers, holds_on, listed};
use crate::config::Config;
use anyhow::Context;
use desk::By;
use terms::{MailAddress, Person, Subscriber, TenantId};

/// Arguments of `switchgrid erase`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The person's whole number, however it is written.
    #[arg(required_unless_present = "mail")]
    number: Option<String>,
    /// Their whole mail address, alone or beside the number.
    #[arg(long)]
    mail: Option<String>,
    /// Why, for the audit table: who asked and when.
    #[arg(long)]
    reason: String,
    /// Whose person.
    #[arg(long, default_value = "1")]
    tenant: TenantId,
}

impl Arguments {
    /// Who is to be forgotten.
    fn person(&self, country: &str) -> Result<Person, anyhow::Error> {
        let number = self.number.as_ref().map(|number| {
            Subscriber::parse(number, country).with_context(|| {
                format!(
                    "\"{number}\" is not a person's number: write all of it, at least six digits"
                )
            })
        });
        let mail = self.mail.as_ref().map(|mail| {
            MailAddress::parse(mail)
                .with_context(|| format!("\"{mail}\" is not a mail address: write all of it"))
        });
        Person::new(number.transpose()?, mail.transpose()?)
            .context("a number or a mail address is needed")
    }
}

/// Erases.
///
/// # Errors
/// When number or mail address are none, the box runs, recordings of the person are kept, or a file
/// cannot be written.
pub fn run(config: &Config, arguments: &Arguments) -> Result<(), anyhow::Error> {
    // Before anything is opened.
    arguments.person("")?;
    let tenant = arguments.tenant;
    block_on(async {
        let Home { store, .. } = Home::open(config, tenant).await?;
        let country = store.tenant(tenant).await?.profile.country;
        let person = arguments.person(&country)?;
        store.check_person(tenant, &person).await?;
        let warehouse = crate::first::open_warehouse(config).await?;
        let kept = warehouse.recordings_of(tenant, &person).await?;
        if let Some(first) = kept.first() {
            anyhow::bail!(
                "{} recordings of this number are kept, the first is {first}: delete them before \
                 (POST /api/v1/recordings/{first}/deletion), because afterwards nothing tells \
                 whose they were",
                kept.len()
            );
        }
        let faxes = warehouse.faxes_of(tenant, &person).await?;
        if let Some(first) = faxes.first().map(|found| found.fax) {
            anyhow::bail!(
                "{} faxes of this number are kept, the first is {first}: delete them before \
                 (POST /api/v1/faxes/{first}/deletion)",
                faxes.len()
            );
        }
        let held = holds_on(&store, &warehouse, tenant, &person).await?;
        anyhow::ensure!(
            held.is_empty(),
            "legal holds keep something of this person and must be lifted first: {}",
            listed(&held)
        );
        // The audit table is not the place to keep number or mail address.
        let subject = format!("a person: {}", arguments.reason);
        let by = By::system("command line", crate::first::wall());
        store.note(tenant, &by, "person.erase", &subject).await?;
        while carry_outbox(&store, &warehouse).await? > 0 {}
        let entries = store.erase_person(tenant, &person).await?;
        let erased = warehouse.erase_person(tenant, &person).await?;
        warehouse.close().await;
        store.close().await;
        drop_callers(&config.server.data, person).await?;
        println!(
            "{} rows and {entries} entries of the business told of the person and do no more; the \
             files of before go ten minutes after the box starts, the event log past its time",
            erased.rows
        );
        if erased.days_waiting > 0 {
            println!(
                "{} days were rewritten a moment ago for another reason: start the box, and erase \
                 again in ten minutes",
                erased.days_waiting
            );
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use desk::customer::Card;
    use desk::hold::{HoldKind, NewHold};

    #[test]
    fn what_is_no_persons_number_is_refused_before_anything_is_opened() {
        let mut config = Config::default();
        config.server.data = "/no/such/folder".into();
        let erase = |number: Option<&str>, mail: Option<&str>| {
            let (number, mail) = (number.map(str::to_owned), mail.map(str::to_owned));
            let arguments =
                Arguments { number, mail, reason: "asked for".to_owned(), tenant: TenantId(1) };
            run(&config, &arguments).expect_err("there is nothing to erase").to_string()
        };
        assert!(erase(Some("12345"), None).contains("at least six digits"));
        assert!(erase(Some("withheld"), None).contains("at least six digits"));
        assert!(erase(Some("13800138000"), Some("zhang")).contains("is not a mail address"));
        assert!(erase(None, None).contains("a mail address is needed"));
        assert!(erase(Some("+8613800138000"), None).contains("holds no box"));
        assert!(erase(Some("13800138000"), None).contains("holds no box"));
        assert!(erase(None, Some("zhang@example.com")).contains("holds no box"));
    }

    #[test]
    fn a_hold_keeps_a_person_and_without_one_their_card_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        let (tenant, by) = (TenantId(1), By::system("test", crate::first::wall()));
        let (number, reason) = ("13800138000".to_owned(), "letter".to_owned());
        let arguments = Arguments { number: Some(number.clone()), mail: None, reason, tenant };
        let store = || crate::first::open_store(&config);
        block_on(async {
            crate::first::bootstrap(&config, None).await?;
            let store = store().await?;
            let card = Card { name: "李雷".into(), ..Card::default() };
            store.put_customer(tenant, &by, &number, &card).await?;
            let (kind, value) = (HoldKind::Number, "138 0013 8000".to_owned());
            let hold = NewHold { kind, value, reason: "case 7".into() };
            store.set_hold(tenant, &by, &hold).await?;
            store.close().await;
            Ok(())
        })
        .unwrap();
        let refused = run(&config, &arguments).unwrap_err().to_string();
        assert!(refused.ends_with("must be lifted first: 1"), "{refused}");
        block_on(async {
            let store = store().await?;
            store.lift_hold(tenant, &by, 1, "closed").await?;
            store.close().await;
            Ok(())
        })
        .unwrap();
        let callers = folder.path().join("callers.json");
        std::fs::write(&callers, "{\"customer\": \"+8613800138000\"}").unwrap();
        run(&config, &arguments).unwrap();
        assert!(!callers.exists(), "the next process of calls knows them no more");
        let left = block_on(async {
            let store = store().await?;
            Ok(store.customer_by_number(tenant, &number).await?)
        });
        assert_eq!(left.unwrap(), None);
    }
}
