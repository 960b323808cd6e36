//! The list for people.

use jiff::Timestamp;

use super::rows::{Known, Request, Row};
use crate::age::short;
use crate::printed::{columns, line};

const HEAD: [&str; 7] = ["NAMESPACE", "NAME", "SIZE", "CLASS", "UNUSED SINCE", "VOLUMEREQUEST", "LAST USED BY"];

/// The rows with their head, in columns.
pub(super) fn table(rows: &[Row], now: Timestamp) -> String {
    let rows = rows.iter().map(|row| cells(row, now).into());
    columns(&[line(HEAD)].into_iter().chain(rows).collect::<Vec<_>>())
}

fn cells(row: &Row, now: Timestamp) -> [String; 7] {
    let or = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    let made = || format!("made {} ago", short(now.duration_since(row.created)));
    let unused = match row.unused {
        Known::Since { since } => format!("{} ({})", day(since), short(now.duration_since(since))),
        Known::NeverMounted => format!("never mounted ({})", made()),
        Known::Unknown => format!("unknown ({})", made()),
    };
    let request = row.volume_request.as_ref().map(|Request { name, exists }| match exists {
        Some(false) => format!("{name} (gone)"),
        _ => name.clone(),
    });
    let user = row.last_used_by.as_ref().map(|user| format!("{} {}", user.kind, user.name));
    [
        row.namespace.clone(),
        row.name.clone(),
        or(row.size.as_deref()),
        or(row.storage_class_name.as_deref()),
        unused,
        or(request.as_deref()),
        or(user.as_deref()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrel_api::volume_request::UsedBy;

    #[test]
    fn columns_stand_under_their_head() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let row = Row {
            namespace: "team-a".into(),
            name: "data".into(),
            size: Some("1Gi".into()),
            bytes: 1 << 30,
            storage_class_name: Some("fast".into()),
            created: at("2026-01-01T00:00:00Z"),
            unused: Known::Since { since: at("2026-02-01T10:00:00Z") },
            volume_request: Some(Request { name: "data".into(), exists: Some(true) }),
            last_used_by: Some(UsedBy { kind: "Notebook".into(), name: "iris".into(), ..UsedBy::default() }),
        };
        let plain = Row {
            name: "a-longer-name".into(),
            storage_class_name: None,
            unused: Known::Unknown,
            volume_request: None,
            last_used_by: None,
            ..row.clone()
        };
        let gone = Some(Request { name: "data".into(), exists: Some(false) });
        let never = Row { unused: Known::NeverMounted, volume_request: gone, last_used_by: None, ..row.clone() };
        let expected = "\
NAMESPACE  NAME           SIZE  CLASS  UNUSED SINCE                  VOLUMEREQUEST  LAST USED BY
team-a     data           1Gi   fast   2026-02-01 (30d)              data           Notebook iris
team-a     a-longer-name  1Gi   -      unknown (made 62d ago)        -              -
team-a     data           1Gi   fast   never mounted (made 62d ago)  data (gone)    -
";
        assert_eq!(table(&[row, plain, never], at("2026-03-04T00:00:00Z")), expected);
    }
}
