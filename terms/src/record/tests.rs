//! Tests of the declarations of tables.

use super::*;

#[test]
fn every_table_has_a_tenant_and_a_line_for_every_column() {
    for table in tables() {
        assert_eq!(table.columns[0].name, "tenant_id", "{}", table.name);
        for column in &table.columns {
            assert!(column.doc.ends_with('.'), "{}.{}", table.name, column.name);
        }
    }
}

#[test]
fn a_row_survives_json() {
    let row = Row::Survey(Survey {
        tenant_id: TenantId(1),
        survey_id: SurveyId(2),
        call_id: CallId(3),
        contact_id: ContactId(4),
        call_started_at: Timestamp(5),
        agent_id: AgentId(6),
        queue_id: None,
        asked_at: Timestamp(7),
        ended_at: Timestamp(8),
        answer: Some("satisfied".into()),
    });
    let text = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
    assert_eq!(row.values().len(), Survey::columns().len());
}

#[test]
fn every_row_is_handed_over_under_the_name_of_its_kind() {
    let item = Item {
        tenant_id: TenantId(1),
        item_id: ItemId(2),
        channel: "email".into(),
        queue_id: QueueId(3),
        agent_id: Some(AgentId(4)),
        address: Some("zhang@example.com".into()),
        priority: 5,
        received_at: Timestamp(6),
        taken_at: Some(Timestamp(7)),
        done_at: Timestamp(8),
        wait_ms: 9,
        work_ms: 10,
        offers: 2,
        unanswered: 1,
        outcome: "done".into(),
        disposition: None,
        order_id: None,
    };
    let row = Row::Item(item.clone());
    assert_eq!((row.table(), row.id(), row.day_of()), ("items", 2, Timestamp(8)));
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(json["table"], "item");
    assert_eq!(json["row"]["item_id"], "2");
    assert_eq!(serde_json::from_value::<Row>(json).unwrap(), row);
    assert_eq!(row.values().len(), Item::columns().len());
}

#[test]
fn every_kind_of_row_is_a_table_once() {
    let mut names: Vec<&str> = tables().iter().map(|table| table.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all), (21, 21));
}
