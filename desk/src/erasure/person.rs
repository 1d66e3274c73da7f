//! What the business store knows of one person leaves it: their card, the words of their orders, what
//! was written down in the steps of these, their place on the lists of callers and in areas, their phone
//! where they are a field worker, and leases of numbers that stand for them. Orders themselves
//! stay, so that counts are what they were. The audit table keeps its rows with the number made
//! unreadable. Flows, prompts and saved reports are what people of the tenant wrote for everybody, and
//! stay.

use crate::error::During;
use crate::sql;
use crate::{Result, Store, lease};
use terms::TenantId;

/// Each with the tenant as `$1` and the digits as `$2`, in the order that references ask for.
const STATEMENTS: [&str; 13] = [
    "UPDATE order_steps SET note = '' WHERE tenant_id = $1 AND note <> '' AND (instr(note, $2) > 0
     OR order_id IN (SELECT o.id FROM orders o LEFT JOIN customers c
         ON c.id = o.customer_id AND c.tenant_id = o.tenant_id
         WHERE o.tenant_id = $1 AND (instr(o.customer_number, $2) > 0 OR instr(c.number, $2) > 0)))",
    "UPDATE orders SET title = '', content = '', address = '', customer_number = '',
     customer_id = NULL
     WHERE tenant_id = $1 AND (instr(customer_number, $2) > 0 OR customer_id IN
         (SELECT id FROM customers WHERE tenant_id = $1 AND instr(number, $2) > 0))",
    "UPDATE orders SET
     title = CASE WHEN instr(title, $2) > 0 THEN '' ELSE title END,
     content = CASE WHEN instr(content, $2) > 0 THEN '' ELSE content END,
     address = CASE WHEN instr(address, $2) > 0 THEN '' ELSE address END
     WHERE tenant_id = $1
     AND (instr(title, $2) > 0 OR instr(content, $2) > 0 OR instr(address, $2) > 0)",
    "DELETE FROM customers WHERE tenant_id = $1 AND instr(number, $2) > 0",
    "UPDATE customers SET
     name = CASE WHEN instr(name, $2) > 0 THEN '' ELSE name END,
     address = CASE WHEN instr(address, $2) > 0 THEN '' ELSE address END,
     area = CASE WHEN instr(area, $2) > 0 THEN '' ELSE area END,
     note = CASE WHEN instr(note, $2) > 0 THEN '' ELSE note END
     WHERE tenant_id = $1 AND (instr(name, $2) > 0 OR instr(address, $2) > 0
     OR instr(area, $2) > 0 OR instr(note, $2) > 0)",
    "DELETE FROM blocked WHERE tenant_id = $1 AND (instr(number, $2) > 0 OR instr(reason, $2) > 0)",
    "DELETE FROM allowed WHERE tenant_id = $1 AND (instr(number, $2) > 0 OR instr(reason, $2) > 0)",
    "DELETE FROM recording_exclusions
     WHERE tenant_id = $1 AND (instr(value, $2) > 0 OR instr(reason, $2) > 0)",
    "DELETE FROM area_callers WHERE tenant_id = $1 AND instr(number, $2) > 0",
    // The areas keep a worker whom nobody is told of, and who is passed over until there is a phone.
    "UPDATE field_workers SET name = '***', phone = '', phone_normal = 'erased ' || id, bound = FALSE
     WHERE tenant_id = $1 AND instr(phone_normal, $2) > 0",
    "UPDATE leases SET reference = '' WHERE tenant_id = $1 AND instr(reference, $2) > 0",
    // Those in force were lifted before, or nothing is erased.
    "UPDATE holds SET value = replace(value, $2, '***'), reason = replace(reason, $2, '***'),
     lifted_reason = replace(lifted_reason, $2, '***')
     WHERE tenant_id = $1 AND lifted_at IS NOT NULL AND (instr(value, $2) > 0
     OR instr(reason, $2) > 0 OR instr(lifted_reason, $2) > 0)",
    "UPDATE audit SET subject = replace(subject, $2, '***')
     WHERE tenant_id = $1 AND instr(subject, $2) > 0",
];

impl Store {
    /// Takes everything out that tells of the person whose number has these digits in every form, and
    /// writes the store anew, without the bytes of what is gone. Records for the warehouse have to be
    /// carried there before. Returns how many rows told of them.
    ///
    /// # Errors
    /// When it cannot be written; it can be asked for again.
    pub async fn erase_person(&self, tenant: TenantId, digits: &str) -> Result<u64> {
        let doing = "erase a person";
        let mut write = self.write(doing).await?;
        let mut entries = 0;
        for statement in STATEMENTS {
            let done = sql::query(statement)
                .bind(tenant.0 as i64)
                .bind(digits)
                .execute(write.db())
                .await
                .during(doing)?;
            entries += done.rows_affected();
        }
        entries += lease::forget_party(&mut write, tenant, digits).await?;
        if entries > 0 {
            // Lists of callers and known customers are in the plan.
            write.raise_plan(tenant).await?;
        }
        write.commit().await?;
        self.write_anew().await?;
        Ok(entries)
    }
}
