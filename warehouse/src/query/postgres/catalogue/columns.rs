//! The columns of the tables in which PostgreSQL describes itself, in its order (PostgreSQL 14,
//! "System Catalogs" and "The Information Schema"). `int4?` may be NULL; `text` too.

/// `schema.table` and its columns as `name:type`.
pub const TABLES: &[(&str, &str)] = &[
    ("pg_catalog.pg_namespace", "oid:oid nspname:name nspowner:oid nspacl:text"),
    (
        "pg_catalog.pg_class",
        "oid:oid relname:name relnamespace:oid reltype:oid reloftype:oid relowner:oid relam:oid \
         relfilenode:oid reltablespace:oid relpages:int4 reltuples:float4 relallvisible:int4 \
         reltoastrelid:oid relhasindex:bool relisshared:bool relpersistence:char relkind:char \
         relnatts:int2 relchecks:int2 relhasrules:bool relhastriggers:bool relhassubclass:bool \
         relrowsecurity:bool relforcerowsecurity:bool relispopulated:bool relreplident:char \
         relispartition:bool relrewrite:oid relfrozenxid:int8 relminmxid:int8 relacl:text \
         reloptions:text relpartbound:text",
    ),
    (
        "pg_catalog.pg_attribute",
        "attrelid:oid attname:name atttypid:oid attstattarget:int4 attlen:int2 attnum:int2 \
         attndims:int4 attcacheoff:int4 atttypmod:int4 attbyval:bool attalign:char \
         attstorage:char attcompression:char attnotnull:bool atthasdef:bool atthasmissing:bool \
         attidentity:char attgenerated:char attisdropped:bool attislocal:bool attinhcount:int4 \
         attcollation:oid attacl:text attoptions:text attfdwoptions:text attmissingval:text",
    ),
    (
        "pg_catalog.pg_type",
        "oid:oid typname:name typnamespace:oid typowner:oid typlen:int2 typbyval:bool \
         typtype:char typcategory:char typispreferred:bool typisdefined:bool typdelim:char \
         typrelid:oid typelem:oid typarray:oid typinput:text typoutput:text typreceive:text \
         typsend:text typmodin:text typmodout:text typanalyze:text typalign:char \
         typstorage:char typnotnull:bool typbasetype:oid typtypmod:int4 typndims:int4 \
         typcollation:oid typdefaultbin:text typdefault:text typacl:text",
    ),
    (
        "pg_catalog.pg_database",
        "oid:oid datname:name datdba:oid encoding:int4 datcollate:name datctype:name \
         datistemplate:bool datallowconn:bool datconnlimit:int4 datlastsysoid:oid \
         datfrozenxid:int8 datminmxid:int8 dattablespace:oid datacl:text",
    ),
    (
        "pg_catalog.pg_roles",
        "rolname:name rolsuper:bool rolinherit:bool rolcreaterole:bool rolcreatedb:bool \
         rolcanlogin:bool rolreplication:bool rolconnlimit:int4 rolpassword:text \
         rolvaliduntil:text rolbypassrls:bool rolconfig:text oid:oid",
    ),
    (
        "pg_catalog.pg_user",
        "usename:name usesysid:oid usecreatedb:bool usesuper:bool userepl:bool \
         usebypassrls:bool passwd:text valuntil:text useconfig:text",
    ),
    ("pg_catalog.pg_description", "objoid:oid classoid:oid objsubid:int4 description:text"),
    (
        "pg_catalog.pg_tables",
        "schemaname:name tablename:name tableowner:name tablespace:text hasindexes:bool \
         hasrules:bool hastriggers:bool rowsecurity:bool",
    ),
    ("pg_catalog.pg_views", "schemaname:name viewname:name viewowner:name definition:text"),
    (
        "pg_catalog.pg_settings",
        "name:name setting:text unit:text category:text short_desc:text extra_desc:text \
         context:text vartype:text source:text min_val:text max_val:text enumvals:text \
         boot_val:text reset_val:text sourcefile:text sourceline:int4? pending_restart:bool",
    ),
    ("pg_catalog.pg_get_keywords", "word:name catcode:char catdesc:text"),
    ("pg_catalog.pg_shdescription", "objoid:oid classoid:oid description:text"),
    ("pg_catalog.pg_am", "oid:oid amname:name amhandler:text amtype:char"),
    ("pg_catalog.pg_attrdef", "oid:oid adrelid:oid adnum:int2 adbin:text"),
    (
        "pg_catalog.pg_index",
        "indexrelid:oid indrelid:oid indnatts:int2 indnkeyatts:int2 indisunique:bool \
         indisprimary:bool indisexclusion:bool indimmediate:bool indisclustered:bool \
         indisvalid:bool indcheckxmin:bool indisready:bool indislive:bool indisreplident:bool \
         indkey:text indcollation:text indclass:text indoption:text indexprs:text indpred:text",
    ),
    (
        "pg_catalog.pg_constraint",
        "oid:oid conname:name connamespace:oid contype:char condeferrable:bool \
         condeferred:bool convalidated:bool conrelid:oid contypid:oid conindid:oid \
         conparentid:oid confrelid:oid confupdtype:char confdeltype:char confmatchtype:char \
         conislocal:bool coninhcount:int4 connoinherit:bool conkey:text confkey:text \
         conbin:text",
    ),
    (
        "pg_catalog.pg_proc",
        "oid:oid proname:name pronamespace:oid proowner:oid prolang:oid prokind:char \
         proretset:bool pronargs:int2 prorettype:oid proargtypes:text proargnames:text \
         prosrc:text",
    ),
    (
        "pg_catalog.pg_trigger",
        "oid:oid tgrelid:oid tgname:name tgfoid:oid tgtype:int2 tgenabled:char tgisinternal:bool",
    ),
    (
        "pg_catalog.pg_depend",
        "classid:oid objid:oid objsubid:int4 refclassid:oid refobjid:oid refobjsubid:int4 \
         deptype:char",
    ),
    ("pg_catalog.pg_inherits", "inhrelid:oid inhparent:oid inhseqno:int4"),
    ("pg_catalog.pg_enum", "oid:oid enumtypid:oid enumsortorder:float4 enumlabel:name"),
    ("pg_catalog.pg_range", "rngtypid:oid rngsubtype:oid rngcollation:oid"),
    ("pg_catalog.pg_collation", "oid:oid collname:name collnamespace:oid collowner:oid"),
    (
        "pg_catalog.pg_extension",
        "oid:oid extname:name extowner:oid extnamespace:oid extversion:text",
    ),
    (
        "pg_catalog.pg_matviews",
        "schemaname:name matviewname:name matviewowner:name tablespace:text hasindexes:bool \
         ispopulated:bool definition:text",
    ),
    (
        "pg_catalog.pg_stat_user_tables",
        "relid:oid schemaname:name relname:name n_live_tup:int8 n_dead_tup:int8",
    ),
    ("pg_catalog.pg_tablespace", "oid:oid spcname:name spcowner:oid spcacl:text spcoptions:text"),
    ("pg_catalog.pg_language", "oid:oid lanname:name lanowner:oid"),
    ("pg_catalog.pg_rewrite", "oid:oid rulename:name ev_class:oid ev_type:char"),
    ("pg_catalog.pg_policy", "oid:oid polname:name polrelid:oid polcmd:char"),
    (
        "information_schema.character_sets",
        "character_set_catalog:text character_set_schema:text character_set_name:name \
         character_repertoire:name form_of_use:name default_collate_catalog:name \
         default_collate_schema:text default_collate_name:text",
    ),
    (
        "information_schema.schemata",
        "catalog_name:name schema_name:name schema_owner:name \
         default_character_set_catalog:text default_character_set_schema:text \
         default_character_set_name:text sql_path:text",
    ),
    (
        "information_schema.tables",
        "table_catalog:name table_schema:name table_name:name table_type:name \
         self_referencing_column_name:text reference_generation:text \
         user_defined_type_catalog:text user_defined_type_schema:text \
         user_defined_type_name:text is_insertable_into:name is_typed:name commit_action:text",
    ),
    (
        "information_schema.columns",
        "table_catalog:name table_schema:name table_name:name column_name:name \
         ordinal_position:int4 column_default:text is_nullable:name data_type:name \
         character_maximum_length:int4? character_octet_length:int4? numeric_precision:int4? \
         numeric_precision_radix:int4? numeric_scale:int4? datetime_precision:int4? \
         interval_type:text character_set_name:text collation_name:text domain_name:text \
         udt_catalog:name udt_schema:name udt_name:name is_identity:name identity_generation:text \
         is_generated:name generation_expression:text is_updatable:name",
    ),
    (
        "information_schema.views",
        "table_catalog:name table_schema:name table_name:name view_definition:text \
         check_option:name is_updatable:name",
    ),
    (
        "information_schema.table_constraints",
        "constraint_catalog:name constraint_schema:name constraint_name:name \
         table_catalog:name table_schema:name table_name:name constraint_type:name",
    ),
    (
        "information_schema.key_column_usage",
        "constraint_catalog:name constraint_schema:name constraint_name:name \
         table_catalog:name table_schema:name table_name:name column_name:name \
         ordinal_position:int4 position_in_unique_constraint:int4?",
    ),
    (
        "information_schema.referential_constraints",
        "constraint_catalog:name constraint_schema:name constraint_name:name \
         unique_constraint_schema:name unique_constraint_name:name",
    ),
    (
        "information_schema.constraint_column_usage",
        "table_catalog:name table_schema:name table_name:name column_name:name \
         constraint_catalog:name constraint_schema:name constraint_name:name",
    ),
    (
        "information_schema.routines",
        "specific_schema:name specific_name:name routine_schema:name routine_name:name \
         routine_type:name data_type:name",
    ),
];
