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
