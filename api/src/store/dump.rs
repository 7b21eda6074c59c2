//! Every row of every table as text, for tests that nothing was stored, changed or lost.

use std::collections::{BTreeMap, BTreeSet};

use super::Store;
use super::db::args;

impl Store {
    /// Rows by table.
    pub(crate) async fn dump(&self) -> BTreeMap<String, BTreeSet<String>> {
        let tables = match self.db.postgres() {
            None => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            }
            Some(_) => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
            }
        };
        let mut dump = BTreeMap::new();
        for table in self.db.rows(tables, args![]).await.unwrap() {
            let table = table.text(0).unwrap();
            let whole = match self.db.postgres() {
                None => {
                    let sql = "SELECT name FROM pragma_table_info($1)";
                    let columns = self.db.rows(sql, args![table.as_str()]).await.unwrap();
                    let quoted = columns.iter().map(|c| format!("quote(\"{}\")", c.text(0).unwrap()));
                    quoted.collect::<Vec<_>>().join(" || ',' || ")
                }
                Some(_) => "t::text".to_owned(),
            };
            let rows = self.db.rows_where("SELECT ", format!("{whole} FROM \"{table}\" t"), args![]).await;
            let rows = rows.unwrap().iter().map(|row| row.text(0).unwrap()).collect();
            dump.insert(table, rows);
        }
        dump
    }
}
