//! What clients of PostgreSQL ask, in their own words, over a small warehouse.

use super::*;
use crate::{Limits, Scope, Warehouse};
use terms::TenantId;

struct Asked {
    _dir: tempfile::TempDir,
    session: Session,
}

async fn asked() -> Asked {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path().join("warehouse")).await.unwrap();
    let rows = crate::stories::fold(&crate::stories::day(5, 3, 60));
    warehouse.stage_rows("test", 1, &rows).await.unwrap();
    let session = Session::open(&warehouse, Scope::of(TenantId(1)), Limits::default()).await;
    Asked { _dir: dir, session: session.unwrap().for_postgres("sql_1").unwrap() }
}

impl Asked {
    async fn lines(&self, sql: &str) -> Vec<String> {
        match self.session.ask(sql, &[]).await {
            Ok(answer) => answer.to_csv().lines().skip(1).map(str::to_owned).collect(),
            Err(error) => panic!("{error} | {}\n{sql}", error.detail),
        }
    }

    async fn heads(&self, sql: &str) -> Vec<String> {
        let answer = self.session.ask(sql, &[]).await.unwrap();
        wire::columns(&answer).into_iter().map(|column| column.name).collect()
    }
}

fn value(kind: Option<Kind>, text: &str) -> Parameter {
    Parameter { kind, text: Some(text.to_owned()) }
}

#[tokio::test]
async fn a_name_of_a_name_of_a_name_is_refused_and_does_not_grow_without_end() {
    let asked = asked().await;
    let of = |casts: usize| {
        format!("SELECT c.oid{} FROM pg_catalog.pg_class c", "::regclass".repeat(casts))
    };
    assert!(asked.lines(&of(1)).await.contains(&"calls".to_owned()));
    let made = asked.session.understood(&of(8)).unwrap().to_string();
    assert!(made.len() < 16 << 10, "{} bytes", made.len());
    assert!(asked.session.ask(&of(8), &[]).await.is_err());
}

#[tokio::test]
async fn psql_lists_and_describes_tables() {
    let asked = asked().await;
    // `\dt`
    let tables = asked
        .lines(
            r#"SELECT n.nspname as "Schema", c.relname as "Name",
                 CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as "Type",
                 pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
               FROM pg_catalog.pg_class c
                 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
               WHERE c.relkind IN ('r','p','')
                 AND n.nspname <> 'pg_catalog'
                 AND n.nspname !~ '^pg_toast'
                 AND n.nspname <> 'information_schema'
                 AND pg_catalog.pg_table_is_visible(c.oid)
               ORDER BY 1,2"#,
        )
        .await;
    assert!(tables.contains(&"public,calls,table,sql_1".to_owned()), "{tables:?}");
    assert!(!tables.iter().any(|line| line.contains("orders_latest")), "that one is a view");
    // `\d calls`
    let found = asked
        .lines(
            "SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c
               LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relname OPERATOR(pg_catalog.~) '^(calls)$' COLLATE pg_catalog.default
               AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3",
        )
        .await;
    let (oid, rest) = found[0].split_once(',').unwrap();
    assert_eq!(rest, "public,calls");
    let flags = asked
        .lines(&format!(
            "SELECT c.relchecks, c.relkind, c.relhasindex, c.relhasrules, c.relhastriggers,
               c.relrowsecurity, c.relforcerowsecurity, false AS relhasoids, c.relispartition, '',
               c.reltablespace,
               CASE WHEN c.reloftype = 0 THEN ''
                 ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END,
               c.relpersistence, c.relreplident, am.amname
             FROM pg_catalog.pg_class c
               LEFT JOIN pg_catalog.pg_class tc ON (c.reltoastrelid = tc.oid)
               LEFT JOIN pg_catalog.pg_am am ON (c.relam = am.oid)
             WHERE c.oid = '{oid}'"
        ))
        .await;
    assert_eq!(flags, ["0,r,false,false,false,false,false,false,false,,0,,p,n,"]);
    let columns = asked
        .lines(&format!(
            "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
               (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)
                FROM pg_catalog.pg_attrdef d
                WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
               a.attnotnull,
               (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t
                WHERE c.oid = a.attcollation AND t.oid = a.atttypid
                  AND a.attcollation <> t.typcollation) AS attcollation,
               a.attidentity, a.attgenerated
             FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = '{oid}' AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum"
        ))
        .await;
    assert!(columns.contains(&"call_id,bigint,,true,,,".to_owned()), "{columns:?}");
    let kind = "timestamp with time zone";
    assert!(columns.contains(&format!("started_at,{kind},,true,,,")), "{columns:?}");
}

#[tokio::test]
async fn what_the_warehouse_does_not_have_has_no_rows() {
    let asked = asked().await;
    for (sql, heads) in [
        (
            "SELECT pol.polname, CASE WHEN pol.polroles = '{0}' THEN NULL ELSE
               pg_catalog.array_to_string(array(select rolname from pg_catalog.pg_roles
               where oid = any (pol.polroles) order by 1),',') END AS roles
             FROM pg_catalog.pg_policy pol WHERE pol.polrelid = '16384' ORDER BY 1",
            vec!["polname", "roles"],
        ),
        (
            "SELECT c.oid::pg_catalog.regclass AS parent FROM pg_catalog.pg_class c,
               pg_catalog.pg_inherits i WHERE c.oid = i.inhparent AND i.inhrelid = '16384'
               AND c.relkind != 'p' AND c.relkind != 'I' ORDER BY inhseqno",
            vec!["parent"],
        ),
        (
            "SELECT pubname, NULL AS a, NULL AS b FROM pg_catalog.pg_publication p
               JOIN pg_catalog.pg_publication_rel pr ON p.oid = pr.prpubid
             WHERE pr.prrelid = '16384'
             UNION ALL SELECT pubname, NULL, NULL FROM pg_catalog.pg_publication p
             WHERE p.puballtables AND pg_catalog.pg_relation_is_publishable('16384') ORDER BY 1",
            vec!["pubname", "a", "b"],
        ),
        ("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'", vec!["extversion"]),
    ] {
        assert_eq!(asked.lines(sql).await, Vec::<String>::new(), "{sql}");
        assert_eq!(asked.heads(sql).await, heads, "{sql}");
    }
    let error = asked.session.ask("SELECT * FROM call", &[]).await.unwrap_err();
    assert_eq!(error.fault, SqlFault::UnknownTable, "a table of ours is not silently empty");
    let error = asked.session.ask("SELECT relnam FROM pg_class", &[]).await.unwrap_err();
    assert_eq!(error.fault, SqlFault::UnknownColumn);
}

#[tokio::test]
async fn what_dbeaver_jdbc_grafana_and_metabase_ask_first_is_answered() {
    let asked = asked().await;
    assert_eq!(asked.lines("SELECT current_schema(), session_user").await, ["public,sql_1"]);
    assert!(asked.lines("SELECT version()").await[0].starts_with("PostgreSQL 14.0 (Switchgrid"));
    assert_eq!(
        asked.lines("SELECT current_setting('server_version_num')::int/100 AS version").await,
        ["1400"]
    );
    let namespaces = asked
        .lines(
            "SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n
        LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0
        AND d.classoid='pg_namespace'::regclass ORDER BY nspname",
        )
        .await;
    assert_eq!(namespaces.len(), 3);
    let classes = asked
        .lines(
            "SELECT c.oid,c.*,d.description,
          pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,
          pg_catalog.pg_get_partkeydef(c.oid) as partition_key
        FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d
          ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass
        WHERE c.relnamespace=2200 AND c.relkind not in ('i','I','c')",
        )
        .await;
    assert_eq!(classes.len(), asked.session.tables().len());
    let columns = asked
        .lines(
            "SELECT * FROM (SELECT current_database() AS current_database, n.nspname,
          c.relname,a.attname,a.atttypid,
          a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,
          t.typtypmod,row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum,
          nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as attgenerated,
          pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,
          t.typtype
        FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid)
          JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid)
          JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid)
          LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum)
          LEFT JOIN pg_catalog.pg_description dsc
            ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)
          LEFT JOIN pg_catalog.pg_class dc ON (dc.oid=dsc.classoid AND dc.relname='pg_class')
          LEFT JOIN pg_catalog.pg_namespace dn
            ON (dc.relnamespace=dn.oid AND dn.nspname='pg_catalog')
        WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped
          AND n.nspname LIKE 'public' AND c.relname LIKE 'calls') c
        WHERE true ORDER BY nspname,c.relname,attnum",
        )
        .await;
    assert_eq!(columns.len(), asked.session.tables()["calls"].len());
    let tables = asked
        .lines(
            r#"SELECT CASE WHEN quote_ident(table_schema) IN (
          SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM generate_series(array_lower(string_to_array(current_setting('search_path'),','),1),
            array_upper(string_to_array(current_setting('search_path'),','),1)) as i,
            string_to_array(current_setting('search_path'),',') s)
        THEN quote_ident(table_name)
        ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
        FROM information_schema.tables
        WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog')
        ORDER BY 1"#,
        )
        .await;
    assert!(tables.contains(&"calls".to_owned()), "{tables:?}");
    let columns = asked
        .lines(
            r#"SELECT quote_ident(column_name) AS "column", data_type AS "type"
        FROM information_schema.columns WHERE
        CASE WHEN array_length(parse_ident('calls'),1) = 2
          THEN quote_ident(table_schema) = (parse_ident('calls'))[1]
            AND quote_ident(table_name) = (parse_ident('calls'))[2]
          ELSE quote_ident(table_name) = 'calls' END"#,
        )
        .await;
    assert!(columns.contains(&"call_id,bigint".to_owned()), "{columns:?}");
    let described = asked
        .lines(
            "SELECT n.nspname AS schema, c.relname AS name,
          CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' END AS type,
          d.description AS description, NULLIF(stat.n_live_tup, 0) AS estimated_row_count
        FROM pg_catalog.pg_class AS c
          INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
          LEFT JOIN pg_catalog.pg_description AS d ON c.oid = d.objoid AND d.objsubid = 0
            AND d.classoid = 'pg_class'::regclass
          LEFT JOIN pg_stat_user_tables AS stat
            ON n.nspname = stat.schemaname AND c.relname = stat.relname
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND c.relkind IN ('r', 'p', 'v', 'f', 'm')",
        )
        .await;
    assert_eq!(described.len(), asked.session.tables().len());
}

#[tokio::test]
async fn drivers_that_load_types_find_them_by_their_functions() {
    let asked = asked().await;
    // Npgsql, and Power BI through it.
    let types = asked
        .lines(
            "SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid
        FROM (
          SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid,
            typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid,
            elemtyp.typname AS elemtypname, elemcls.relkind AS elemrelkind,
            CASE WHEN elemproc.proname='array_recv' THEN 'a' ELSE elemtyp.typtype END
              AS elemtyptype, typ.typcategory
          FROM (
            SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind,
              typelem AS elemoid,
              CASE WHEN proc.proname='array_recv' THEN 'a' ELSE typ.typtype END AS typtype,
              CASE WHEN proc.proname='array_recv' THEN typ.typelem
                WHEN typ.typtype='r' THEN rngsubtype
                WHEN typ.typtype='m' THEN
                  (SELECT rngtypid FROM pg_range WHERE rngmultitypid = typ.oid)
                WHEN typ.typtype='d' THEN typ.typbasetype END AS elemtypoid, typ.typcategory
            FROM pg_type AS typ
              LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
              LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive
              LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)
          ) AS typ
            LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemtypoid
            LEFT JOIN pg_class AS elemcls ON (elemcls.oid = elemtyp.typrelid)
            LEFT JOIN pg_proc AS elemproc ON elemproc.oid = elemtyp.typreceive
        ) AS t JOIN pg_namespace AS ns ON (ns.oid = typnamespace)
        WHERE (typtype IN ('b', 'r', 'm', 'e', 'd') OR (typtype = 'c' AND relkind='c')
          OR (typtype = 'p' AND typname IN ('record', 'void', 'unknown'))
          OR (typtype = 'a' AND (elemtyptype IN ('b', 'r', 'm', 'e', 'd')
            OR (elemtyptype = 'p' AND elemtypname IN ('record', 'void'))
            OR (elemtyptype = 'c' AND elemrelkind='c'))))
        ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'c' THEN 1
          WHEN typtype = 'r' THEN 2 ELSE 3 END",
        )
        .await;
    assert!(types.contains(&"pg_catalog,1184,timestamptz,b,false,".to_owned()), "{types:?}");
    assert_eq!(types.len(), Kind::ALL.len() + 3);
    // ADBC.
    let types = asked
        .lines(
            "SELECT oid, typname, typreceive, typbasetype, typrelid, typarray
        FROM pg_catalog.pg_type WHERE (typreceive != 0 OR typsend != 0) AND typtype != 'r'
          AND typreceive::TEXT != 'array_recv'",
        )
        .await;
    assert!(types.contains(&"20,int8,int8recv,0,0,0".to_owned()), "{types:?}");
    assert!(types.contains(&"1184,timestamptz,timestamptz_recv,0,0,0".to_owned()), "{types:?}");
    let sets = "SELECT character_set_name FROM INFORMATION_SCHEMA.character_sets";
    assert_eq!(asked.lines(sets).await, ["UTF8"]);
}

#[tokio::test]
async fn what_metabase_jdbc_odbc_and_pools_ask_besides_is_answered() {
    let asked = asked().await;
    let reset = "SELECT reset_val FROM pg_settings WHERE name = 'search_path'";
    assert_eq!(asked.lines(reset).await, ["public"]);
    assert_eq!(asked.lines("SELECT pg_advisory_unlock_all()").await.len(), 1);
    // Metabase.
    let named = asked
        .lines(
            "SELECT FORMAT('%s', c.udt_name), FORMAT('%I.%I 100%%', c.table_schema, c.table_name),
          COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST(c.table_schema AS TEXT),
            CAST(c.table_name AS TEXT)) AS REGCLASS) AS OID), c.ordinal_position) AS comment
        FROM information_schema.columns AS c
        WHERE c.table_name = 'calls' AND c.column_name = 'call_id'",
        )
        .await;
    assert_eq!(named, ["int8,public.calls 100%,"]);
    let rights = asked
        .lines(
            "SELECT t.schemaname AS schema,
          pg_catalog.has_any_column_privilege(current_user, t.objectname, 'update') AS updates,
          pg_catalog.has_any_column_privilege(current_user, t.objectname, 'select') AS selects,
          pg_catalog.has_table_privilege(current_user, t.objectname, 'delete') AS deletes
        FROM (SELECT schemaname, tablename AS objectname FROM pg_catalog.pg_tables
          UNION SELECT schemaname, viewname FROM pg_catalog.pg_views) t
        WHERE t.schemaname !~ '^pg_' AND t.objectname IN ('calls', 'orders_latest')
          AND pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')",
        )
        .await;
    assert_eq!(rights, ["public,false,true,false", "public,false,true,false"]);
    // The words that JDBC knows already are left out.
    let words = asked
        .lines(
            "select string_agg(word, ',') from pg_catalog.pg_get_keywords()
        where word <> ALL ('{a,all,and,select,table}'::text[]) and word like 'a%'",
        )
        .await;
    let mut words: Vec<&str> = words[0].trim_matches('"').split(',').collect();
    words.sort_unstable();
    assert_eq!(words, ["any", "array", "as", "asc"]);
    // JDBC's getTypeInfo.
    let types = asked
        .lines(
            "SELECT t.typname, t.oid FROM pg_catalog.pg_type t
          JOIN pg_catalog.pg_namespace n ON (t.typnamespace = n.oid)
        WHERE n.nspname != 'pg_toast' AND (t.typrelid = 0
          OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid))",
        )
        .await;
    assert!(types.contains(&"timestamptz,1184".to_owned()), "{types:?}");
    // JDBC's getTables.
    let tables = asked
        .lines(
            "SELECT current_database() AS TABLE_CAT, n.nspname AS TABLE_SCHEM,
          c.relname AS TABLE_NAME,
          CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'
            WHEN true THEN 'SYSTEM TABLE'
            WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW'
              ELSE NULL END
            ELSE NULL END AS TABLE_TYPE, '' as TYPE_CAT
        FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c
          LEFT JOIN pg_catalog.pg_description d
            ON (c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass)
        WHERE c.relnamespace = n.oid AND c.relname LIKE 'calls'
        ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME",
        )
        .await;
    assert_eq!(tables, ["switchgrid,public,calls,TABLE,"]);
    // SQLColumns of ODBC.
    let columns = asked
        .lines(
            "select n.nspname, c.relname, a.attname, a.atttypid, t.typname, a.attnum, a.attlen,
          a.atttypmod, a.attnotnull, c.relhasrules, c.relkind, c.oid,
          pg_get_expr(d.adbin, d.adrelid),
          case t.typtype when 'd' then t.typbasetype else 0 end, t.typtypmod, 0, attidentity,
          c.relhassubclass
        from (((pg_catalog.pg_class c inner join pg_catalog.pg_namespace n
            on n.oid = c.relnamespace and c.relname = 'calls' and n.nspname = 'public')
          inner join pg_catalog.pg_attribute a
            on (not a.attisdropped) and a.attnum > 0 and a.attrelid = c.oid)
          inner join pg_catalog.pg_type t on t.oid = a.atttypid)
          left outer join pg_attrdef d
            on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum
        order by n.nspname, c.relname, attnum",
        )
        .await;
    assert_eq!(columns.len(), asked.session.tables()["calls"].len());
}

#[tokio::test]
async fn the_wall_stands_for_clients_of_postgresql_too() {
    let asked = asked().await;
    assert_eq!(asked.lines("SELECT DISTINCT tenant_id FROM calls").await, ["1"]);
    let all = [value(Some(Kind::Int8), "2")];
    let sql = "SELECT call_id FROM calls WHERE tenant_id = $1 OR true";
    let (all, own) = (
        asked.session.ask(sql, &all).await.unwrap(),
        asked.session.query("SELECT call_id FROM calls").await.unwrap(),
    );
    assert_eq!(all.rows(), own.rows());
    assert!(own.rows() > 0);
    let error = asked.session.query("SELECT * FROM pg_catalog.pg_class").await.unwrap_err();
    assert_eq!(error.fault, SqlFault::UnknownTable, "others do not see these tables");
}

#[tokio::test]
async fn columns_have_the_names_that_postgresql_gives() {
    let asked = asked().await;
    for (sql, names) in [
        ("SELECT count(*) FROM calls", vec!["count"]),
        ("SELECT 1 + 1, 2, 'x'", vec!["?column?", "?column?", "?column?"]),
        ("SELECT call_id, call_id FROM calls", vec!["call_id", "call_id"]),
        ("SELECT max(talk_ms), max(hold_ms) FROM legs", vec!["max", "max"]),
        ("SELECT a.count FROM (SELECT count(*) FROM calls) a", vec!["count"]),
        (
            "WITH a AS (SELECT c.caller, l.* FROM calls c JOIN legs l ON c.call_id = l.call_id) \
          SELECT caller, role FROM a",
            vec!["caller", "role"],
        ),
        ("SELECT a.call_id FROM (SELECT call_id, * FROM calls) a", vec!["call_id"]),
    ] {
        assert_eq!(asked.heads(sql).await, names, "{sql}");
    }
}

#[tokio::test]
async fn parameters_are_described_and_bound() {
    let asked = asked().await;
    let sql = "SELECT call_id, caller FROM calls WHERE call_id = $1 AND caller <> $2 LIMIT $3";
    let kinds = [None, None, Some(Kind::Int4)];
    let described = asked.session.describe(sql, &kinds).await.unwrap();
    assert_eq!(described.parameters, [Kind::Int8, Kind::Text, Kind::Int4]);
    let kinds: Vec<Kind> = described.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Int8, Kind::Text]);

    let first = asked.lines("SELECT min(call_id) FROM calls").await.remove(0);
    let values =
        [value(Some(Kind::Int8), &first), value(None, "' OR 1=1 --"), value(Some(Kind::Int4), "5")];
    let answer = asked.session.ask(sql, &values).await.unwrap();
    assert_eq!(answer.rows(), 1, "a quote in a value ends nothing");

    let error = asked.session.ask(sql, &values[..1]).await.unwrap_err();
    assert!(error.message.contains("no value for the parameter $2"), "{error}");
    let wrong = [value(Some(Kind::Int8), "1 OR 1=1"), values[1].clone(), values[2].clone()];
    let error = asked.session.ask(sql, &wrong).await.unwrap_err();
    assert!(error.message.contains("is no value of the type bigint"), "{error}");
    let null = Parameter { kind: Some(Kind::Int8), text: None };
    let answer = asked.session.ask(sql, &[null, values[1].clone(), values[2].clone()]).await;
    assert_eq!(answer.unwrap().rows(), 0);
}

#[tokio::test]
async fn a_description_is_that_of_the_answer() {
    let asked = asked().await;
    for sql in [
        "SELECT * FROM calls LIMIT 1",
        "SELECT 1 AS a UNION ALL SELECT 2.5",
        "SELECT count(*), avg(talk_ms), date_trunc('day', started_at) FROM legs GROUP BY 3",
        "SELECT oid, relname, relnatts, reltuples, relhasindex FROM pg_class LIMIT 1",
        "EXPLAIN SELECT 1",
    ] {
        let described = asked.session.describe(sql, &[]).await.unwrap();
        let answer = asked.session.ask(sql, &[]).await.unwrap();
        assert_eq!(described.columns, wire::columns(&answer), "{sql}");
    }
}

#[tokio::test]
async fn only_reading_is_answered_and_a_mistake_has_its_place() {
    let asked = asked().await;
    for sql in ["DELETE FROM calls", "DROP TABLE calls", "INSERT INTO pg_class VALUES (1)"] {
        let error = asked.session.ask(sql, &[]).await.unwrap_err();
        assert_eq!(error.fault, SqlFault::Forbidden, "{sql}: {error}");
    }
    let error = asked.session.ask("SELECT\n  coler FROM calls", &[]).await.unwrap_err();
    let at = error.position.unwrap();
    assert_eq!((error.fault, at.line, at.column), (SqlFault::UnknownColumn, 2, 3));
    assert!(error.message.contains("did you mean \"caller\""), "{error}");
}
