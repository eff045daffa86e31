//! A server in a process of its own, and what the system tells about it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;

use crate::contender::Contender;

pub(crate) struct Process {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Process {
    pub(crate) fn start(contender: Contender) -> Result<Self, Box<dyn Error>> {
        let name = contender.to_possible_value().expect("no contender is skipped");
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.args(["--serve", name.get_name()]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut process = Self { child, addr: (Ipv4Addr::LOCALHOST, 0).into() };
        let mut line = String::new();
        BufReader::new(process.child.stdout.take().expect("it is piped")).read_line(&mut line)?;
        process.addr = line.trim().parse().map_err(|_| "the server did not start")?;
        Ok(process)
    }

    /// Its resident memory.
    pub(crate) fn memory_kib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// The time that the cores have spent on it, in user mode and in the kernel.
    pub(crate) fn processor_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name may hold spaces, but nothing after it holds a parenthesis. Linux counts in 1/100 s for everybody.
        let (_, fields) = stat.rsplit_once(") ")?;
        let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().ok());
        Some(ticks.sum::<Option<f64>>()? / 100.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
