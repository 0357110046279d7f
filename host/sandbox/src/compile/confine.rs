//! System call filter of the compiler process. It leaves memory management, reading the module from standard input, and
//! writing the answer.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::io;

/// Restricts this thread, and the threads that it starts, to the calls that a compiler needs. Every other call fails
/// with "operation not permitted". The signer's filter is a deny list, because the process that guards orders must not
/// fail on an unforeseen call; this one is an allow list, because the worst consequence is a module that does not load.
///
/// # Errors
/// If the kernel has no such filters.
pub(super) fn confine() -> io::Result<()> {
    let failed = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
    let refused = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| failed(&error))?;
    let rules = rules().map_err(|error| failed(&error))?;
    let filter = SeccompFilter::new(rules.into_iter().collect(), refused, SeccompAction::Allow, arch)
        .map_err(|error| failed(&error))?;
    let program = BpfProgram::try_from(filter).map_err(|error| failed(&error))?;
    seccompiler::apply_filter(&program).map_err(|error| failed(&error))
}

type Rule = (libc::c_long, Vec<SeccompRule>);

fn rules() -> Result<Vec<Rule>, seccompiler::BackendError> {
    // Matches an argument by value. Only the standard files are allowed, so that a file left open by mistake is of no
    // use.
    let with = |place: u8, value: u64| {
        SeccompRule::new(vec![SeccompCondition::new(place, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?])
    };
    let no_file = u64::from(u32::MAX);
    let mut rules = vec![
        (libc::SYS_read, vec![with(0, 0)?]),
        (libc::SYS_write, vec![with(0, 1)?, with(0, 2)?]),
        (libc::SYS_writev, vec![with(0, 1)?, with(0, 2)?]),
        (libc::SYS_mmap, vec![with(4, no_file)?]),
    ];
    let free = [
        // Memory.
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_membarrier,
        // This process, clocks and exit.
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // Closing open files and querying their state are harmless.
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
    ];
    rules.extend(free.map(|call| (call, Vec::new())));
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::process::Command;

    #[test]
    fn a_confined_thread_has_memory_and_nothing_else() {
        let path = std::env::current_exe().unwrap();
        // In a separate thread, because a filter cannot be removed.
        let confined = std::thread::spawn(move || {
            let mut open = File::open(&path).unwrap();
            let mut pair = std::os::unix::net::UnixStream::pair().unwrap();
            let mut word = [0; 4];
            assert_eq!(open.read(&mut word).unwrap(), 4);
            confine().unwrap();
            let refused = io::ErrorKind::PermissionDenied;
            assert_eq!(File::open(&path).unwrap_err().kind(), refused);
            assert_eq!(open.read(&mut word).unwrap_err().kind(), refused, "a file that was left open");
            assert_eq!(pair.0.write(b"word").unwrap_err().kind(), refused, "a socket that was left open");
            assert_eq!(TcpStream::connect("127.0.0.1:9").unwrap_err().kind(), refused);
            assert!(Command::new("true").status().is_err());
            let me = rustix::process::getpid();
            assert!(rustix::process::kill_process(me, rustix::process::Signal::URG).is_err());
            let more = rustix::process::Rlimit { current: None, maximum: None };
            assert!(rustix::process::setrlimit(rustix::process::Resource::Cpu, more).is_err());
            let memory = vec![1_u8; 64 * 1024 * 1024];
            memory.iter().map(|byte| usize::from(*byte)).sum::<usize>()
        });
        assert_eq!(confined.join().unwrap(), 64 * 1024 * 1024);
    }
}
