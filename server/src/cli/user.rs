//! `switchgrid user`: people who sign in, for the administrator at the machine.

use super::block_on;
use super::home::Home;
use crate::config::Config;
use anyhow::Context;
use desk::user::NewUser;
use desk::{By, Role};
use terms::TenantId;

/// Arguments of `switchgrid user`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Whose people.
    #[arg(long, default_value = "1")]
    tenant: TenantId,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Everybody.
    List,
    /// Add a person; a password is generated and shown once.
    Add {
        /// What they type to sign in.
        login: String,
        /// Their name.
        #[arg(long)]
        name: Option<String>,
        /// agent, supervisor, manager or administrator.
        #[arg(long, default_value = "supervisor")]
        role: Role,
    },
    /// Give a person a new generated password; their tokens end.
    Password {
        /// What they type to sign in.
        login: String,
    },
}

/// Runs the command.
///
/// # Errors
/// When the store refuses.
pub fn run(config: &Config, arguments: &Arguments) -> Result<(), anyhow::Error> {
    let tenant = arguments.tenant;
    block_on(async {
        let Home { store, .. } = Home::open(config, tenant).await?;
        let by = By::system("command line", crate::first::wall());
        match &arguments.command {
            Command::List => {
                for user in store.users(tenant).await? {
                    let state = if user.disabled_at.is_some() { "disabled" } else { "" };
                    println!(
                        "{:<6} {:<20} {:<14} {} {state}",
                        user.id,
                        user.login,
                        user.role.as_str(),
                        user.name
                    );
                }
            }
            Command::Add { login, name, role } => {
                let password = desk::secret::generated_password();
                let new = NewUser {
                    login: login.clone(),
                    name: name.clone().unwrap_or_else(|| login.clone()),
                    role: *role,
                    password: password.expose().to_owned(),
                };
                let user = store.create_user(tenant, &by, &new).await?;
                println!("{} {}   (shown once)", user.login, password.expose());
            }
            Command::Password { login } => {
                let users = store.users(tenant).await?;
                let user = users.iter().find(|user| user.login == *login).with_context(|| {
                    format!("there is nobody called \"{login}\" in this tenant")
                })?;
                let password = desk::secret::generated_password();
                store.set_password(tenant, &by, user.id, password.expose()).await?;
                println!("{} {}   (shown once)", user.login, password.expose());
            }
        }
        store.close().await;
        Ok(())
    })
}
