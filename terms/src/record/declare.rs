//! How a table is declared: its struct and its [`super::Record`] from the same lines. One line more
//! makes it one of the warehouse's.

macro_rules! records {
    ($(
        #[doc = $doc:literal]
        $name:ident = $table:literal version $version:literal, id $id:ident, day $day:ident {
            $( $( #[doc = $cdoc:literal] )+ $column:ident : $type:ty, )+
        }
    )+) => {
        $(
            #[doc = $doc]
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub struct $name {
                $( $( #[doc = $cdoc] )+ pub $column: $type, )+
            }

            impl Record for $name {
                const TABLE: &'static str = $table;
                const VERSION: u16 = $version;
                const DOC: &'static str = $doc;
                fn columns() -> Vec<Column> {
                    vec![$( Column {
                        name: stringify!($column),
                        kind: <$type as Cell>::KIND,
                        nullable: <$type as Cell>::NULLABLE,
                        doc: concat!($( $cdoc ),+).trim_ascii(),
                    } ),+]
                }
                fn values(&self) -> Vec<Value> {
                    vec![$( self.$column.value() ),+]
                }
                fn tenant(&self) -> TenantId { self.tenant_id }
                fn id(&self) -> u64 { self.$id.raw() }
                fn day_of(&self) -> Timestamp { self.$day }
            }
        )+
    };
}

macro_rules! rows {
    ($( $name:ident, )+) => {
        /// A row of any table, for staging and hand-over.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "table", content = "row", rename_all = "snake_case")]
        pub enum Row {
            $( #[doc = concat!("Of [`", stringify!($name), "`].")] $name($name), )+
        }

        impl Row {
            /// The table's name.
            pub fn table(&self) -> &'static str {
                match self { $( Row::$name(_) => <$name as Record>::TABLE, )+ }
            }
            /// The cells in the order of the table's columns.
            pub fn values(&self) -> Vec<Value> {
                match self { $( Row::$name(row) => row.values(), )+ }
            }
            /// Whose row it is.
            pub fn tenant(&self) -> TenantId {
                match self { $( Row::$name(row) => row.tenant(), )+ }
            }
            /// Which row it is: unique in its table.
            pub fn id(&self) -> u64 {
                match self { $( Row::$name(row) => row.id(), )+ }
            }
            /// Its UTC day is the row's partition.
            pub fn day_of(&self) -> Timestamp {
                match self { $( Row::$name(row) => row.day_of(), )+ }
            }
        }

        /// A table of the warehouse.
        #[derive(Clone, Debug)]
        pub struct Table {
            /// Its name in SQL.
            pub name: &'static str,
            /// Version of its columns.
            pub version: u16,
            /// What it is.
            pub doc: &'static str,
            /// Its columns in order.
            pub columns: Vec<Column>,
        }

        /// All tables.
        pub fn tables() -> Vec<Table> {
            vec![$( Table {
                name: <$name as Record>::TABLE,
                version: <$name as Record>::VERSION,
                doc: <$name as Record>::DOC.trim_ascii(),
                columns: <$name as Record>::columns(),
            } ),+]
        }
    };
}
