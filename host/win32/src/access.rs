//! Access to files: what the modes 0600 and 0700 are on other systems.
//!
//! A file that is closed to others has a protected list of three entries: this user, the system and the administrators.
//! The last two could read every file in any case, as root can. A folder hands the list on to what is created in it.

use crate::{check, owned, size_of, wide};
use std::io;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::{HLOCAL, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
    SDDL_REVISION_1, SE_FILE_OBJECT, SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACL, DACL_SECURITY_INFORMATION, EqualSid, GetAce, GetSecurityDescriptorDacl,
    GetTokenInformation, IsWellKnownSid, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, TOKEN_QUERY,
    TOKEN_USER, TokenUser, WinBuiltinAdministratorsSid, WinCreatorOwnerRightsSid, WinLocalSystemSid,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// The type of an entry that grants access.
const ALLOWED: u8 = 0;
/// The flag of an entry that does not apply to the object itself.
const INHERIT_ONLY: u8 = 8;
/// Access of other users to a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read it or to change it.
    Any,
    /// To change its content, remove it, or change its access list.
    Change,
}

impl Access {
    /// Returns the rights, any of which gives this access: generic ones, those of content, and those over the list.
    const fn rights(self) -> u32 {
        const CHANGE: u32 = 0x5000_0000 | 0x000C_0000 | 0x0001_0000 | 0x0000_0046;
        const READ: u32 = 0x8000_0000 | 0x0000_0001;
        match self {
            Self::Any => CHANGE | READ,
            Self::Change => CHANGE,
        }
    }
}

/// Memory that Windows allocated for its caller.
struct Local(HLOCAL);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: the pointer is from a call that documents LocalFree for it, and nothing uses it any more.
        let _freed = unsafe { LocalFree(self.0) };
    }
}

/// The identifier of this process's user.
struct ThisUser(Vec<u64>);

impl ThisUser {
    fn read() -> io::Result<Self> {
        let mut token = null_mut();
        // SAFETY: the pseudo handle of this process is always valid; the other pointer is to a local handle.
        check(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) })?;
        let token = owned(token)?;
        // The identifier is behind the structure, in the same buffer, which is aligned for it.
        let mut buffer = vec![0u64; 32];
        let mut used = 0;
        let room = size_of::<[u64; 32]>();
        // SAFETY: the buffer has `room` bytes.
        check(unsafe {
            GetTokenInformation(token.as_raw_handle(), TokenUser, buffer.as_mut_ptr().cast(), room, &raw mut used)
        })?;
        Ok(Self(buffer))
    }

    fn sid(&self) -> PSID {
        // SAFETY: the call in `read` wrote a TOKEN_USER at the beginning of the buffer, which is aligned and large enough.
        unsafe { self.0.as_ptr().cast::<TOKEN_USER>().read() }.User.Sid
    }

    /// Returns the identifier as text, such as `S-1-5-21-…`.
    fn text(&self) -> io::Result<String> {
        let mut text = null_mut();
        // SAFETY: the identifier is valid as long as `self`; the call allocates the text.
        check(unsafe { ConvertSidToStringSidW(self.sid(), &raw mut text) })?;
        let _text = Local(text.cast());
        let mut characters = Vec::new();
        for at in 0..256 {
            // SAFETY: the text ends with a zero, at which the loop stops.
            match unsafe { text.add(at).read() } {
                0 => break,
                character => characters.push(character),
            }
        }
        Ok(String::from_utf16_lossy(&characters))
    }
}

/// Closes a file or folder to all users but this one, the system and the administrators.
///
/// # Errors
/// If the file system keeps no access lists, or this user may not change this one.
pub fn close_to_others(path: &Path, is_folder: bool) -> io::Result<()> {
    let user = ThisUser::read()?.text()?;
    let handed_on = if is_folder { "OICI" } else { "" };
    set_list(path, &[user.as_str(), "SY", "BA"].map(|account| format!("(A;{handed_on};FA;;;{account})")).concat())
}

/// Closes a file to all users, this one too: only the system and the administrators can read it.
///
/// # Errors
/// As [`close_to_others`].
pub fn close_to_users(path: &Path) -> io::Result<()> {
    set_list(path, "(A;;FA;;;SY)(A;;FA;;;BA)")
}

/// Sets a protected list with these entries.
fn set_list(path: &Path, entries: &str) -> io::Result<()> {
    let text = wide(format!("D:P{entries}"));
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: the text ends with a zero; the call allocates the descriptor.
    check(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    })?;
    let _descriptor = Local(descriptor);
    let (mut present, mut by_default, mut list) = (0, 0, null_mut());
    // SAFETY: the descriptor is valid until `_descriptor` is dropped, and so is the list in it.
    check(unsafe { GetSecurityDescriptorDacl(descriptor, &raw mut present, &raw mut list, &raw mut by_default) })?;
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    let name = wide(path);
    // SAFETY: the name ends with a zero, and the list is valid; owner and group are not set.
    let failed =
        unsafe { SetNamedSecurityInfoW(name.as_ptr(), SE_FILE_OBJECT, what, null_mut(), null_mut(), list, null()) };
    if failed == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(i32::try_from(failed).unwrap_or(i32::MAX))) }
}

/// Returns true if a user other than this one, the system and the administrators has this access.
///
/// # Errors
/// If its access list cannot be read.
pub fn is_open_to_others(path: &Path, access: Access) -> io::Result<bool> {
    let user = ThisUser::read()?;
    let name = wide(path);
    let (mut list, mut descriptor) = (null_mut(), null_mut());
    // SAFETY: the name ends with a zero; the call allocates the descriptor, in which the list is.
    let failed = unsafe {
        GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            null_mut(),
            null_mut(),
            &raw mut list,
            null_mut(),
            &raw mut descriptor,
        )
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(i32::try_from(failed).unwrap_or(i32::MAX)));
    }
    let _descriptor = Local(descriptor);
    // Without a list everyone has all rights.
    let is_open = list.is_null() || entries(list).any(|entry| is_of_others(entry, user.sid(), access.rights()));
    Ok(is_open)
}

/// Returns the entries of a list.
fn entries(list: *const ACL) -> impl Iterator<Item = *const ACCESS_ALLOWED_ACE> {
    // SAFETY: the caller passes a list that is valid while the iterator is used.
    let count = u32::from(unsafe { (*list).AceCount });
    (0..count).filter_map(move |index| {
        let mut entry = null_mut();
        // SAFETY: as above, and the index is below the count.
        (unsafe { GetAce(list, index, &raw mut entry) } != 0).then_some(entry.cast_const().cast())
    })
}

/// Returns true if an entry gives another user one of these rights.
fn is_of_others(entry: *const ACCESS_ALLOWED_ACE, user: PSID, wanted: u32) -> bool {
    // SAFETY: every entry begins with this header; the fields after it are read only for the type that has them.
    let header = unsafe { (*entry).Header };
    if header.AceType != ALLOWED || header.AceFlags & INHERIT_ONLY != 0 {
        return false;
    }
    // SAFETY: an entry of this type has the rights and the identifier.
    let (rights, who) = unsafe { ((*entry).Mask, (&raw const (*entry).SidStart).cast_mut().cast()) };
    if rights & wanted == 0 {
        return false;
    }
    let known = [WinLocalSystemSid, WinBuiltinAdministratorsSid, WinCreatorOwnerRightsSid];
    // SAFETY: both identifiers are valid: one is of an entry that Windows returned, one of the token.
    unsafe { EqualSid(who, user) == 0 && known.iter().all(|&kind| IsWellKnownSid(who, kind) == 0) }
}
