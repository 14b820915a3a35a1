//! What adopting means is said before anything is done, and after.

use sync::central::{self, Adoption, CentralError, InitOptions, Mapping, Severity, Survey, TableReport, check};

use super::{adopt, adopted, adoption, found};

fn of<'s>(survey: &'s Survey, entity: &str) -> &'s TableReport {
    survey.tables.iter().find(|table| table.entity == entity).unwrap()
}

#[tokio::test]
async fn each_table_is_judged_and_nothing_is_changed() {
    let place = found();
    let before = place.sql("SHOW TABLES; SHOW TRIGGERS");
    let survey = central::survey(&place.url(), &adoption(false)).await.unwrap();
    let clients = of(&survey, "clients");
    assert_eq!((clients.mapping, clients.table.as_deref()), (Mapping::PartlyMapped, Some("Client")));
    for missing in ["updated_at", "address", "contact_email"] {
        assert!(clients.missing_columns.iter().any(|column| column == missing), "{missing}");
    }
    assert!(clients.differences.iter().any(|text| text.contains("notes is text instead of mediumtext")));
    assert!(clients.differences.iter().any(|text| text.contains("utf8mb4_unicode_ci")));
    assert_eq!(clients.unknown_columns, ["tenant"]);
    assert_eq!((clients.unenforced_keys.len(), clients.required_columns.len()), (1, 0));
    assert!(of(&survey, "sites").unenforced_keys.is_empty(), "its key has another name, and is one");
    assert_eq!(of(&survey, "tags").mapping, Mapping::PartlyMapped);
    assert_eq!(of(&survey, "machines").required_columns, ["rack"]);
    let projects = of(&survey, "projects");
    assert_eq!(projects.mapping, Mapping::CannotBeMapped);
    assert!(projects.reason.as_ref().unwrap().contains("id is int"), "{projects:?}");
    assert_eq!(of(&survey, "services").mapping, Mapping::Missing);
    assert_eq!(survey.other_tables, ["invoices", "projects", "schema_migrations"]);
    assert_eq!(survey.not_followed, Vec::<String>::new());
    assert_eq!(place.sql("SHOW TABLES; SHOW TRIGGERS"), before);
    // Without being told so, no other name is taken for ours; it is offered.
    let survey = central::survey(&place.url(), &Adoption::default()).await.unwrap();
    assert_eq!(
        (of(&survey, "clients").mapping, of(&survey, "clients").offers.clone()),
        (Mapping::Missing, vec!["clients=Client".to_owned()])
    );
}

#[tokio::test]
async fn only_tables_and_triggers_of_our_own_are_added() {
    let place = found();
    let theirs = "SELECT table_name, column_name, column_type, column_default FROM information_schema.columns \
                  WHERE table_schema = DATABASE() AND table_name NOT LIKE 'ct!_sync!_%' ESCAPE '!' ORDER BY 1, 2";
    let before = place.sql(theirs);
    let report = adopt(&place, adoption(false)).await;
    assert!(report.is_adopted && report.rows_enrolled > 5, "{report:?}");
    assert_eq!(place.sql(theirs), before);
    assert_eq!(place.sql("SELECT COUNT(*) FROM schema_migrations"), "2");
    let again = adopt(&place, adoption(false)).await;
    assert_eq!((again.steps_applied.len(), again.triggers_installed, again.rows_enrolled), (0, 0, 0));
    // Also by those who know nothing of its being adopted.
    let again = central::init(&place.url(), InitOptions::default()).await.unwrap();
    assert!(again.is_adopted && again.triggers_installed == 0);

    let report = check(&place.url()).await.unwrap();
    assert!(report.is_adopted && report.is_working(), "{:?}", report.findings);
    let found =
        |severity, text: &str| report.findings.iter().any(|f| f.severity == severity && f.problem.contains(text));
    assert!(found(Severity::Note, "clients has no place for"), "{:?}", report.findings);
    assert!(found(Severity::Note, "projects cannot hold projects"), "{:?}", report.findings);
    assert!(found(Severity::Warning, "new rows of machines are refused: rack"), "{:?}", report.findings);
    assert!(report.tables.iter().any(|table| table.table.as_deref() == Some("Client")));
}

#[tokio::test]
async fn missing_tables_are_made_to_fit_when_asked_for() {
    let place = found();
    let report = adopt(&place, adoption(true)).await;
    assert_eq!(report.tables_refused, Vec::<String>::new());
    assert!(report.tables_created.iter().any(|table| table == "services"), "{:?}", report.tables_created);
    let key = "SELECT collation_name FROM information_schema.columns WHERE table_schema = DATABASE() \
               AND table_name = 'billable_time' AND column_name = 'client_id'";
    assert_eq!(place.sql(key), "utf8mb4_unicode_ci");
    assert!(check(&place.url()).await.unwrap().is_working());
}

#[tokio::test]
async fn a_schema_of_our_own_is_not_adopted() {
    let place = crate::reconcile::central().await;
    let error = central::survey(&place.url(), &Adoption::default()).await.unwrap_err();
    assert!(matches!(error, CentralError::OurOwn), "{error}");
}

#[tokio::test]
async fn it_can_be_released_again() {
    let place = adopted().await;
    let theirs = "INSERT INTO Client (id, name) VALUES (UUID(), 'new'); SELECT COUNT(*) FROM Client";
    assert_eq!(place.sql(theirs), "4");
    assert!(!central::release(&place.url(), false).await.unwrap().is_empty());
    assert_eq!(place.sql("SHOW TRIGGERS"), "");
    assert_eq!(place.sql(theirs), "5");
    central::release(&place.url(), true).await.unwrap();
    assert_eq!(place.sql("SHOW TABLES LIKE 'ct%'"), "");
    assert_eq!(place.sql(theirs), "6");
}
