//! The end of a process over a broken assertion or missing memory inside llama.cpp, which nothing can prevent: one line that
//! says why, and no debugger.
//!
//! By default ggml starts `gdb` or `lldb` on the process before it aborts. The variable `GGML_NO_BACKTRACE` would forbid that,
//! but setting a variable in a process with threads is unsound, since C code reads the environment without a lock.

use std::{
    ffi::{CStr, c_char, c_void},
    io::{self, Write},
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
};

use llama_cpp_sys_2 as sys;

/// Function that C++ calls when an exception is not caught.
type TerminateHandler = Option<unsafe extern "C" fn()>;

unsafe extern "C" {
    /// `std::get_terminate`
    #[link_name = "_ZSt13get_terminatev"]
    fn get_terminate() -> TerminateHandler;
    /// `std::set_terminate`
    #[link_name = "_ZSt13set_terminatePFvvE"]
    fn set_terminate(handler: TerminateHandler) -> TerminateHandler;
    /// libstdc++'s own handler, which names the exception and aborts.
    #[link_name = "_ZN9__gnu_cxx27__verbose_terminate_handlerEv"]
    fn verbose_terminate_handler();
}

/// Takes both ways to a debugger away from ggml. To be called once, before anything else of llama.cpp runs.
pub(super) fn guard() {
    // SAFETY: the callback lives as long as the process. The function writes a global without a lock: the caller is the
    // initialisation that runs once, before another thread can be inside ggml.
    unsafe { sys::ggml_set_abort_callback(Some(report)) };
    // As a library of its own, ggml has put itself in the place of the process's handler when it was loaded. Inside the
    // plugin that part of it is not linked.
    if cfg!(feature = "dynamic-backends") {
        replace_terminate_handler_of(sys::ggml_abort as *const c_void);
    }
}

/// Gives the process libstdc++'s terminate handler where the present one lies in the same library as `address`.
fn replace_terminate_handler_of(address: *const c_void) {
    // SAFETY: libstdc++ guards the handler; any thread may ask for it.
    let Some(handler) = (unsafe { get_terminate() }) else {
        return;
    };
    let library = base(address);
    if library.is_some() && base(handler as *const c_void) == library {
        // SAFETY: the handler is libstdc++'s and lives as long as it; any thread may set it.
        unsafe { set_terminate(Some(verbose_terminate_handler)) };
    }
}

/// Base address of the library that holds `address`.
fn base(address: *const c_void) -> Option<usize> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `info` is valid for writes; dladdr only compares the address, and any thread may call it.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) } != 0;
    // SAFETY: all zeros is a valid Dl_info, so it is initialised whether or not dladdr filled it in.
    found.then(|| unsafe { info.assume_init() }.dli_fbase as usize)
}

/// The last thing that runs before ggml calls `abort`, on whatever thread failed.
unsafe extern "C" fn report(message: *const c_char) {
    // SAFETY: ggml passes a NUL-terminated string that lives during the call.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    // A subscriber that panics must not unwind into C.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // Logs are often off, and nothing else will say why the process has gone.
        let _ = writeln!(
            io::stderr(),
            "cosyvoice3: llama.cpp ends the process: {message}"
        );
        tracing::error!(target: "llama", "llama.cpp ends the process: {message}");
    }));
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        os::unix::{fs::PermissionsExt, process::ExitStatusExt},
        path::Path,
        process::{Command, Output},
    };

    use super::*;

    const CHILD: &str = "COSYVOICE3_TEST_ABORT";
    const REASON: &CStr = c"a test asks for the end";

    /// Runs the test `name` again in a process of its own, with `debuggers` first in its path.
    fn child(name: &str, role: &str, debuggers: &Path) -> Output {
        let path = env::var("PATH").unwrap_or_default();
        Command::new(env::current_exe().unwrap())
            .args([
                &format!("lm::abort::tests::{name}"),
                "--exact",
                "--nocapture",
            ])
            .env(CHILD, role)
            .env("PATH", format!("{}:{path}", debuggers.display()))
            .env_remove("GGML_NO_BACKTRACE")
            .output()
            .unwrap()
    }

    fn without_core_dump() {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the limit is a valid value that outlives the call.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
    }

    /// Programs called `gdb` and `lldb` that leave a file beside them.
    fn debuggers() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["gdb", "lldb"] {
            let program = dir.path().join(name);
            fs::write(&program, "#!/bin/sh\n: > \"$(dirname \"$0\")/started\"\n").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    }

    #[test]
    fn an_abort_inside_llama_says_why_and_starts_no_debugger() {
        if let Ok(role) = env::var(CHILD) {
            without_core_dump();
            if role == "guarded" {
                crate::lm::start_llama().unwrap();
            }
            // SAFETY: the strings are C strings, and the format takes no arguments.
            unsafe { sys::ggml_abort(c"test.c".as_ptr(), 7, REASON.as_ptr()) };
        }
        for (role, starts_a_debugger) in [("guarded", false), ("as ggml is", true)] {
            let debuggers = debuggers();
            let name = "an_abort_inside_llama_says_why_and_starts_no_debugger";
            let output = child(name, role, debuggers.path());
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.signal(),
                Some(libc::SIGABRT),
                "{role}: {said}"
            );
            assert!(said.contains(REASON.to_str().unwrap()), "{role}: {said}");
            let started = debuggers.path().join("started").exists();
            assert_eq!(started, starts_a_debugger, "{role}: {said}");
        }
    }

    unsafe extern "C" fn ends_otherwise() {
        std::process::exit(3);
    }

    #[test]
    fn the_process_gets_the_usual_end_of_an_uncaught_exception_back() {
        let name = "the_process_gets_the_usual_end_of_an_uncaught_exception_back";
        let Ok(role) = env::var(CHILD) else {
            for (role, replaced) in [("of ggml", true), ("of the application", false)] {
                let output = child(name, role, Path::new("/nowhere"));
                assert!(output.status.success(), "{role} {replaced}: {output:?}");
            }
            return;
        };
        let ours: TerminateHandler = Some(ends_otherwise);
        // SAFETY: the handler lives as long as the process, which has no uncaught exception.
        unsafe { set_terminate(ours) };
        // The test stands for ggml's library here, and libc for one that the handler is not of.
        let ggml = match role.as_str() {
            "of ggml" => ends_otherwise as *const c_void,
            _ => libc::getpid as *const c_void,
        };
        replace_terminate_handler_of(ggml);
        // SAFETY: asking has no conditions.
        let now = unsafe { get_terminate() }.map(|handler| handler as usize);
        let expected = match role.as_str() {
            "of ggml" => verbose_terminate_handler as *const c_void as usize,
            _ => ends_otherwise as *const c_void as usize,
        };
        assert_eq!(now, Some(expected));
    }
}
