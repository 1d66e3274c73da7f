//! The program `switchgrid`.

fn main() -> std::process::ExitCode {
    server::cli::main()
}
