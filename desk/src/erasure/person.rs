//! What the business store knows of one person leaves it: their card, the words of their orders, what
//! was written down in the steps of these, the words of their items and of what was done to these, their
//! place on the lists of callers and in areas, their phone where they are a field worker, and leases of
//! numbers that stand for them. Orders and items themselves stay, so that counts are what they were. The
//! audit table and the logs of shifts and of emergencies keep their rows with number and mail address made
//! unreadable. What a program was answered of them it is not answered again, no fax and no reply is sent to
//! them any more, and texts from and to them and mails to them go, with those that name them. Flows,
//! prompts and saved reports are what people of the tenant wrote for everybody, and stay.
//!
//! A row is found by the digits that all forms of the number have, or by the letters of the mail address,
//! and counts where one of these stands in it whole ([`Person::is_in`]): another's longer number is
//! another's.

use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, time};
use crate::{Result, Store, lease};
use std::collections::BTreeSet;
use terms::{Person, TenantId, Timestamp};

/// What becomes of a row that names the person.
enum Change {
    /// It goes.
    Delete,
    /// Texts that name them are emptied.
    Empty,
    /// Number and mail address in its texts are made unreadable.
    Hide,
}

/// Rows of the tenant whose `names` may have a number in them.
struct Place {
    table: &'static str,
    /// What tells a row from the tenant's others: a number where `text` does not say it is a text.
    keys: &'static [&'static str],
    text: bool,
    names: &'static [&'static str],
    /// Of which rows, as a condition.
    only: &'static str,
    change: Change,
}

/// In the order that references ask for; orders, customers and their items are looked at before
/// ([`of_orders`], [`of_items`]).
const PLACES: [Place; 22] = [
    Place {
        table: "order_fields",
        keys: &["id"],
        text: false,
        names: &["value"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "order_steps",
        keys: &["order_id", "version"],
        text: false,
        names: &["note"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "orders",
        keys: &["id"],
        text: false,
        names: &["title", "content", "address"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "customers",
        keys: &["id"],
        text: false,
        names: &["name", "address", "area", "note"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "blocked",
        keys: &["number"],
        text: true,
        names: &["number"],
        only: "TRUE",
        change: Change::Delete,
    },
    Place {
        table: "blocked",
        keys: &["number"],
        text: true,
        names: &["reason"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "allowed",
        keys: &["number"],
        text: true,
        names: &["number"],
        only: "TRUE",
        change: Change::Delete,
    },
    Place {
        table: "allowed",
        keys: &["number"],
        text: true,
        names: &["reason"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "recording_exclusions",
        keys: &["kind", "value"],
        text: true,
        names: &["value"],
        only: "TRUE",
        change: Change::Delete,
    },
    Place {
        table: "recording_exclusions",
        keys: &["kind", "value"],
        text: true,
        names: &["reason"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "area_callers",
        keys: &["number"],
        text: true,
        names: &["number"],
        only: "TRUE",
        change: Change::Delete,
    },
    Place {
        table: "voicemails",
        keys: &["recording_id"],
        text: false,
        names: &["caller"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "leases",
        keys: &["id"],
        text: false,
        names: &["reference"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "outgoing_faxes",
        keys: &["id"],
        text: false,
        names: &["number", "problem"],
        only: "TRUE",
        change: Change::Delete,
    },
    Place {
        table: "texts",
        keys: &["id"],
        text: false,
        names: &["number", "text"],
        only: "TRUE",
        change: Change::Delete,
    },
    Place {
        table: "mails",
        keys: &["id"],
        text: false,
        names: &["address", "subject", "text", "problem"],
        only: "TRUE",
        change: Change::Delete,
    },
    Place {
        table: "items",
        keys: &["id"],
        text: false,
        names: &["address", "subject", "content"],
        only: "TRUE",
        change: Change::Empty,
    },
    Place {
        table: "item_steps",
        keys: &["id"],
        text: false,
        names: &["text", "problem"],
        only: "TRUE",
        change: Change::Empty,
    },
    // Those in force were lifted before, or nothing is erased.
    Place {
        table: "holds",
        keys: &["id"],
        text: false,
        names: &["value", "reason", "lifted_reason"],
        only: "lifted_at IS NOT NULL",
        change: Change::Hide,
    },
    Place {
        table: "shift_log",
        keys: &["id"],
        text: false,
        names: &["text"],
        only: "TRUE",
        change: Change::Hide,
    },
    Place {
        table: "emergency_occasions",
        keys: &["id"],
        text: false,
        names: &["points", "note"],
        only: "TRUE",
        change: Change::Hide,
    },
    Place {
        table: "audit",
        keys: &["id"],
        text: false,
        names: &["subject"],
        only: "TRUE",
        change: Change::Hide,
    },
];

/// Rows whose texts may name the person; of them `columns` are wanted.
async fn naming(
    write: &mut Write,
    tenant: TenantId,
    person: &Person,
    (table, columns, names): (&str, &str, &[&str]),
    only: &str,
) -> Result<Vec<DbRow>> {
    let doing = write.doing;
    let patterns = person.patterns();
    let like: Vec<String> = (2..)
        .zip(&patterns)
        .flat_map(|(n, _)| names.iter().map(move |name| format!("LOWER({name}) LIKE ${n}")))
        .collect();
    let like = like.join(" OR ");
    let text =
        format!("SELECT {columns} FROM {table} WHERE tenant_id = $1 AND {only} AND ({like})");
    let find = sql::query(sqlx::AssertSqlSafe(text)).bind(tenant.0 as i64);
    let find = patterns.into_iter().fold(find, |find, pattern| find.bind(pattern));
    find.fetch_all(write.db()).await.during(doing)
}

impl Place {
    /// Changes one row: `$1` the tenant, then what its texts shall be, then its keys.
    fn change(&self) -> String {
        let table = self.table;
        let (verb, first) = match self.change {
            Change::Delete => (format!("DELETE FROM {table}"), 2),
            Change::Empty | Change::Hide => {
                let set: Vec<String> =
                    (2..).zip(self.names).map(|(n, name)| format!("{name} = ${n}")).collect();
                (format!("UPDATE {table} SET {}", set.join(", ")), 2 + self.names.len())
            }
        };
        let keys: Vec<String> =
            (first..).zip(self.keys).map(|(n, key)| format!("{key} = ${n}")).collect();
        format!("{verb} WHERE tenant_id = $1 AND {}", keys.join(" AND "))
    }

    /// What the texts of a row shall be; `None` where none of them names the person.
    fn changed(&self, row: &DbRow, person: &Person) -> Option<Vec<Option<String>>> {
        let texts = self.names.iter().map(|name| row.get::<Option<String>>(name));
        let texts: Vec<Option<String>> = texts.collect();
        let names = |text: Option<&str>| text.is_some_and(|text| person.is_in(text));
        let after = |text: Option<String>| match (names(text.as_deref()), &self.change) {
            (false, _) => text,
            (true, Change::Hide) => text.and_then(|text| person.hidden_in(&text)),
            (true, Change::Empty | Change::Delete) => Some(String::new()),
        };
        texts
            .iter()
            .any(|text| names(text.as_deref()))
            .then(|| texts.into_iter().map(after).collect())
    }

    async fn clear(&self, write: &mut Write, tenant: TenantId, person: &Person) -> Result<u64> {
        let doing = write.doing;
        let columns = [self.keys, self.names].concat().join(", ");
        let of = (self.table, columns.as_str(), self.names);
        let found = naming(write, tenant, person, of, self.only).await?;
        let mut entries = 0;
        for row in &found {
            let Some(texts) = self.changed(row, person) else { continue };
            let mut change = sql::query(sqlx::AssertSqlSafe(self.change())).bind(tenant.0 as i64);
            if !matches!(self.change, Change::Delete) {
                for text in texts {
                    change = change.bind(text);
                }
            }
            for key in self.keys {
                change = match self.text {
                    true => change.bind(row.get::<String>(key)),
                    false => change.bind(row.get::<i64>(key)),
                };
            }
            entries += change.execute(write.db()).await.during(doing)?.rows_affected();
        }
        Ok(entries)
    }
}

/// The ids of rows whose number is the person's.
async fn ids_of(
    write: &mut Write,
    tenant: TenantId,
    person: &Person,
    find: &'static str,
) -> Result<BTreeSet<i64>> {
    let Some(number) = person.number() else { return Ok(BTreeSet::new()) };
    let doing = write.doing;
    let found = sql::query(find)
        .bind(tenant.0 as i64)
        .bind(number.pattern())
        .fetch_all(write.db())
        .await
        .during(doing)?;
    let theirs = found.iter().filter(|row| number.is_in(row.get::<&str>("number")));
    Ok(theirs.map(|row| row.get::<i64>("id")).collect())
}

/// One statement for one row: `$1` the tenant, `$2` its id.
async fn run(write: &mut Write, tenant: TenantId, id: i64, change: &'static str) -> Result<u64> {
    let doing = write.doing;
    let done = sql::query(change)
        .bind(tenant.0 as i64)
        .bind(id)
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(done.rows_affected())
}

/// Orders of theirs say nothing in words any more, and their card goes.
async fn of_orders(write: &mut Write, tenant: TenantId, person: &Person) -> Result<u64> {
    let find = "SELECT id, number FROM customers WHERE tenant_id = $1 AND number LIKE $2";
    let customers = ids_of(write, tenant, person, find).await?;
    let find = "SELECT id, customer_number AS number FROM orders
         WHERE tenant_id = $1 AND customer_number LIKE $2";
    let mut orders = ids_of(write, tenant, person, find).await?;
    let doing = write.doing;
    for customer in &customers {
        let of: Vec<i64> =
            sql::query_scalar("SELECT id FROM orders WHERE tenant_id = $1 AND customer_id = $2")
                .bind(tenant.0 as i64)
                .bind(*customer)
                .fetch_all(write.db())
                .await
                .during(doing)?;
        orders.extend(of);
    }
    let mut entries = 0;
    for order in orders {
        for change in [
            "UPDATE order_fields SET value = ''
             WHERE tenant_id = $1 AND order_id = $2 AND value <> ''",
            "UPDATE order_steps SET note = '' WHERE tenant_id = $1 AND order_id = $2 AND note <> ''",
            "UPDATE orders SET title = '', content = '', address = '', customer_number = '',
             customer_id = NULL WHERE tenant_id = $1 AND id = $2",
        ] {
            entries += run(write, tenant, order, change).await?;
        }
    }
    for customer in customers {
        let change = "DELETE FROM customers WHERE tenant_id = $1 AND id = $2";
        entries += run(write, tenant, customer, change).await?;
    }
    Ok(entries)
}

/// Items that came from them say nothing in words any more. An item that goes by a name in which they
/// stand has none.
async fn of_items(write: &mut Write, tenant: TenantId, person: &Person) -> Result<u64> {
    let names: &[&str] = &["address", "external_id"];
    let of = ("items", "id, address, external_id", names);
    let found = naming(write, tenant, person, of, "TRUE").await?;
    let mut entries = 0;
    for row in &found {
        let id: i64 = row.get("id");
        let name: Option<&str> = row.get("external_id");
        if name.is_some_and(|name| person.is_in(name)) {
            let change = "UPDATE items SET external_id = NULL WHERE tenant_id = $1 AND id = $2";
            entries += run(write, tenant, id, change).await?;
        }
        if !person.is_in(row.get::<&str>("address")) {
            continue;
        }
        for change in [
            "UPDATE item_steps SET text = '', problem = ''
             WHERE tenant_id = $1 AND item_id = $2 AND (text <> '' OR problem <> '')",
            "UPDATE items SET address = '', subject = '', content = ''
             WHERE tenant_id = $1 AND id = $2",
        ] {
            entries += run(write, tenant, id, change).await?;
        }
    }
    Ok(entries)
}

/// A reply that waits and says nothing any more goes to nobody, whoever it was for.
async fn stop_replies(write: &mut Write, tenant: TenantId) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE item_steps SET delivery = 'failed'
         WHERE tenant_id = $1 AND delivery = 'waiting' AND text = ''",
    )
    .bind(tenant.0 as i64)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

/// The areas keep a worker whom nobody is told of, and who is passed over until there is a phone.
async fn of_workers(write: &mut Write, tenant: TenantId, person: &Person) -> Result<u64> {
    let find = "SELECT id, phone_normal AS number FROM field_workers
                WHERE tenant_id = $1 AND phone_normal LIKE $2";
    let workers = ids_of(write, tenant, person, find).await?;
    let doing = write.doing;
    for worker in &workers {
        sql::query(
            "UPDATE field_workers SET name = '***', phone = '', phone_normal = $3, bound = FALSE
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(*worker)
        .bind(format!("erased {worker}"))
        .execute(write.db())
        .await
        .during(doing)?;
    }
    Ok(workers.len() as u64)
}

impl Store {
    /// Takes everything out that tells of the person, and writes the store anew, without the bytes of
    /// what is gone. Records for the warehouse have to be carried there before. Returns how many rows
    /// told of them.
    ///
    /// # Errors
    /// When it cannot be written; it can be asked for again.
    pub async fn erase_person(&self, tenant: TenantId, person: &Person) -> Result<u64> {
        let entries = self.forget_person(tenant, person).await?;
        self.write_anew().await?;
        Ok(entries)
    }

    /// Whether there is a text of theirs from before `until`: one that was on its way while they were
    /// forgotten is put down again when it is known what came of it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn texted_before(
        &self,
        tenant: TenantId,
        person: &Person,
        until: Timestamp,
    ) -> Result<bool> {
        let mut write = self.write("look for texts of a person").await?;
        let names: &[&str] = &["number", "text"];
        let of = ("texts", "at, number, text", names);
        let found = naming(&mut write, tenant, person, of, "TRUE").await?;
        let is_theirs = |row: &DbRow| names.iter().any(|name| person.is_in(row.get::<&str>(name)));
        Ok(found.iter().any(|row| time(row, "at") < until && is_theirs(row)))
    }

    /// The first half of [`Store::erase_person`]: nothing that is asked for tells of the person, and the
    /// bytes are still there.
    ///
    /// # Errors
    /// When it cannot be written; nothing is changed then.
    pub async fn forget_person(&self, tenant: TenantId, person: &Person) -> Result<u64> {
        let mut write = self.write("erase a person").await?;
        let mut entries = of_orders(&mut write, tenant, person).await?;
        entries += of_items(&mut write, tenant, person).await?;
        entries += of_workers(&mut write, tenant, person).await?;
        for place in &PLACES {
            entries += place.clear(&mut write, tenant, person).await?;
        }
        stop_replies(&mut write, tenant).await?;
        if let Some(number) = person.number() {
            entries += lease::forget_party(&mut write, tenant, number).await?;
        }
        self.forget_answers(&mut write, tenant, person).await?;
        if entries > 0 {
            // Lists of callers and known customers are in the plan.
            write.raise_plan(tenant).await?;
        }
        write.commit().await?;
        Ok(entries)
    }
}
