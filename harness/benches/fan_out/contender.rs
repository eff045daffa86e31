//! The servers that are compared, and how each is served.

use std::error::Error;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use clap::ValueEnum;
use onbeat_clock::{TokioClock, epoch_today};
use onbeat_server::limits::Limits;
use onbeat_server::listener;
use onbeat_server::random::Seed;
use onbeat_server::world::World;

use crate::plain::plain;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Contender {
    Onbeat,
    Plain,
}

/// Serves, and tells the address on standard output.
pub(crate) fn serve(contender: Contender) -> Result<(), Box<dyn Error>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    thread::spawn(|| {
        // Standard input ends with the process that has it open.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let addr = (Ipv4Addr::LOCALHOST, 0).into();
    tokio::runtime::Runtime::new()?.block_on(async {
        match contender {
            Contender::Onbeat => onbeat(addr).await,
            Contender::Plain => plain(addr).await,
        }
    })
}

async fn onbeat(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let world = World::new(Arc::new(TokioClock::start()), Seed(0), epoch_today(), Limits::default());
    let listener = listener::bind(addr)?;
    println!("{}", listener.local_addr()?);
    listener::serve(listener, Arc::new(world), std::future::pending()).await;
    Ok(())
}
