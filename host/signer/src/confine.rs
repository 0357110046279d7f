//! Confinement of the signer's process once the host runs, by a system call filter that later code cannot remove.
//! Memory, time, threads, signals, and the files and sockets that are already open remain available.

use std::io;

/// Denies this thread, and those it starts, everything that a signer does not need: programs, files that are not open
/// yet, sockets, other processes' memory, kernel administration. Such calls fail from now on with "operation not
/// permitted".
///
/// # Errors
/// If the kernel does not support such filters.
#[cfg(target_os = "linux")]
pub(crate) fn confine() -> io::Result<()> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    let failed = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
    let refused = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let calls = given_up().into_iter().map(|call| (call, Vec::new())).collect();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| failed(&error))?;
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, refused, arch).map_err(|error| failed(&error))?;
    let program = BpfProgram::try_from(filter).map_err(|error| failed(&error))?;
    let program = [other_numbers_refused(), program].concat();
    seccompiler::apply_filter(&program).map_err(|error| failed(&error))
}

/// Offset of the system call number in the filter's input: its first word (`struct seccomp_data`).
#[cfg(target_os = "linux")]
const NUMBER_AT: u32 = 0;
/// On x86-64 the kernel may accept each call under a second number, with this bit: the numbers of x32. On other
/// machines no number has it.
#[cfg(target_os = "linux")]
const X32: u32 = 0x4000_0000;

/// Returns the beginning of a filter that refuses every call number with the x32 bit. A list of plain numbers would let
/// those pass.
#[cfg(target_os = "linux")]
fn other_numbers_refused() -> seccompiler::BpfProgram {
    let eperm = u32::try_from(libc::EPERM).unwrap_or(1);
    let step = |code: u32, jt, jf, k| {
        let code = u16::try_from(code).unwrap_or(u16::MAX);
        seccompiler::sock_filter { code, jt, jf, k }
    };
    vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, NUMBER_AT),
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, X32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | eperm),
    ]
}

/// Other systems do not have such a filter.
#[cfg(not(target_os = "linux"))]
pub(crate) fn confine() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The system calls that the filter refuses.
#[cfg(target_os = "linux")]
const GIVEN_UP: &[libc::c_long] = &[
    // Programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Files that are not open yet, and operations on files by name.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_open_by_handle_at,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_memfd_create,
    // The network, and other processes.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_shmget,
    libc::SYS_shmat,
    // Kernel administration.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_personality,
];

/// Older equivalents of these calls that still exist on the oldest architecture.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const GIVEN_UP_OLD: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_creat,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_fork,
    libc::SYS_vfork,
];

/// Older equivalents of these calls: none on this architecture.
#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
const GIVEN_UP_OLD: &[libc::c_long] = &[];

#[cfg(target_os = "linux")]
fn given_up() -> Vec<libc::c_long> {
    [GIVEN_UP, GIVEN_UP_OLD].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

    use super::*;
    use std::fs::File;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    /// Evaluates a filter for a call number; returns `None` if it leaves the decision to the following filter.
    fn judged(program: &[seccompiler::sock_filter], number: u32) -> Option<u32> {
        let (mut at, mut word) = (0, 0);
        while let Some(step) = program.get(at) {
            at += 1;
            match u32::from(step.code) {
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    assert_eq!(step.k, 0, "the number comes first");
                    word = number;
                }
                code if code == libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K => {
                    at += usize::from(if word & step.k == 0 { step.jf } else { step.jt });
                }
                code if code == libc::BPF_RET | libc::BPF_K => return Some(step.k),
                code => panic!("{code}"),
            }
        }
        None
    }

    #[test]
    fn calls_by_their_other_numbers_are_refused() {
        let refused = Some(libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).unwrap());
        for call in given_up() {
            let number = u32::try_from(call).unwrap();
            assert_eq!(judged(&other_numbers_refused(), number | X32), refused);
            assert_eq!(judged(&other_numbers_refused(), number), None, "the list decides");
        }
        // Calls that have their own x32 numbers: execve, execveat, ptrace, process_vm_readv.
        for number in [520, 545, 521, 539] {
            assert_eq!(judged(&other_numbers_refused(), number | X32), refused);
        }
    }

    #[test]
    fn a_confined_thread_opens_nothing_starts_nothing_and_goes_on_with_what_it_has() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let path = std::env::current_exe().unwrap();
        // In a separate thread, because the filter cannot be removed.
        let confined = std::thread::spawn(move || {
            let mut open = std::os::unix::net::UnixStream::pair().unwrap();
            assert!(File::open(&path).is_ok() && TcpStream::connect(address).is_ok());
            assert!(Command::new("true").status().unwrap().success());
            confine().unwrap();
            let refused = io::ErrorKind::PermissionDenied;
            assert_eq!(File::open(&path).unwrap_err().kind(), refused);
            assert_eq!(File::create(path.with_extension("new")).unwrap_err().kind(), refused);
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), refused);
            assert!(Command::new("true").status().is_err());
            std::io::Write::write_all(&mut open.0, b"word").unwrap();
            let mut word = [0; 4];
            std::io::Read::read_exact(&mut open.1, &mut word).unwrap();
            assert_eq!(&word, b"word");
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
        });
        confined.join().unwrap();
    }
}
